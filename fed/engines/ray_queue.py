"""Which sites a free worker runs next, and how many at once."""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from flwr.app import Message

from fed.engines.ray_workers import BATCH_S, Worker, WorkerPool

# How far ahead of its turn a site may run for the sake of a worker that knows it.
REACH = 32
# Batches spare quick messages most of a call's millisecond; more spares little and shares badly.
MAX_BATCH = 32
READ_AHEAD = 256


@dataclass(eq=False)
class Job:
    """A message on its way, and its place in the order of replies."""

    position: int
    message: Message
    losses: int = 0
    alone: bool = False  # a batch with it came to grief

    @property
    def node_id(self) -> int:
        """The site that the message is for."""
        return self.message.metadata.dst_node_id

    @property
    def kind(self) -> str:
        """What it asks of the site."""
        return self.message.metadata.message_type


@dataclass
class BatchSizes:
    """What one round teaches the next: it changes who runs where, never a result."""

    homes: dict[int, Worker] = field(default_factory=dict)  # who last served a node
    batch_sizes: dict[str, int] = field(default_factory=dict)  # by kind of message

    def learn(self, kind: str, asked: int, answered: int, seconds: float) -> None:
        """Double the batches of a kind that is quick; go back to one where it is not."""
        if answered == asked and seconds < BATCH_S / 2:
            self.batch_sizes[kind] = min(max(2 * asked, self.batch_sizes.get(kind, 1)), MAX_BATCH)
        elif seconds >= BATCH_S:
            self.batch_sizes[kind] = 1


class JobQueue:
    """The jobs of one call that no worker has yet, in the order of replies."""

    def __init__(
        self, messages: Iterator[Message], pool: WorkerPool, batch_sizes: BatchSizes
    ) -> None:
        self._messages = enumerate(messages)
        self._pool = pool
        self._batch_sizes = batch_sizes
        self._waiting: deque[Job] = deque()
        self._read_ahead()

    def __len__(self) -> int:
        """Count the jobs known to be left; 0 only if none is."""
        return len(self._waiting)

    def take(self, worker: Worker) -> list[Job]:
        """Take a batch for a worker: sites that it knows or nobody does, else the next."""
        if not self._waiting:
            return []
        batch = [self._take_one(worker)]
        kind = batch[0].kind
        share = math.ceil((len(self._waiting) + 1) / self._pool.size)
        size = 1 if batch[0].alone else min(self._batch_sizes.batch_sizes.get(kind, 1), share)
        while len(batch) < size and self._waiting:
            job = self._take_one(worker)
            if job.alone or job.kind != kind:
                self.put_back([job])
                break
            batch.append(job)
        for job in batch:
            self._batch_sizes.homes[job.node_id] = worker
        self._read_ahead()
        return batch

    def take_turn(self, position: int) -> list[Job]:
        """Take the job of this position, if it waits."""
        if self._waiting and self._waiting[0].position == position:
            job = self._waiting.popleft()
            self._read_ahead()
            return [job]
        return []

    def put_back(self, jobs: list[Job]) -> None:
        """Return jobs to their places."""
        if not jobs:
            return
        self._waiting = deque(sorted([*jobs, *self._waiting], key=lambda job: job.position))

    def drain(self) -> list[Job]:
        """Take all jobs that are left."""
        jobs = [*self._waiting, *(Job(*following) for following in self._messages)]
        self._waiting.clear()
        return jobs

    def _take_one(self, worker: Worker) -> Job:
        for index in range(min(REACH, len(self._waiting))):
            home = self._batch_sizes.homes.get(self._waiting[index].node_id)
            if home is worker or home not in self._pool:
                break
        else:
            index = 0
        job = self._waiting[index]
        del self._waiting[index]
        return job

    def _read_ahead(self) -> None:
        while len(self._waiting) < READ_AHEAD and (following := next(self._messages, None)):
            self._waiting.append(Job(*following))
