"""Which site a free worker runs next."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from flwr.app import Message

from fed.engines.ray_workers import Worker, WorkerPool

# How far ahead of its turn a site may run for the sake of a worker that knows it.
REACH = 32
READ_AHEAD = 256

Homes = dict[int, Worker]
"""Who last served a node, and so has its images: it changes who runs where, never a result."""


@dataclass(eq=False)
class Job:
    """A message on its way, and its place in the order of replies."""

    position: int
    message: Message
    losses: int = 0

    @property
    def node_id(self) -> int:
        """The site that the message is for."""
        return self.message.metadata.dst_node_id


class JobQueue:
    """The jobs of one call that no worker has yet, in the order of replies."""

    def __init__(self, messages: Iterator[Message], pool: WorkerPool, homes: Homes) -> None:
        self._messages = enumerate(messages)
        self._pool = pool
        self._homes = homes
        self._waiting: deque[Job] = deque()
        self._read_ahead()

    def __len__(self) -> int:
        """Count the jobs known to be left; 0 only if none is."""
        return len(self._waiting)

    def take(self, worker: Worker) -> Job | None:
        """Take the next site that the worker knows or nobody does, else the next; None: no job."""
        if not self._waiting:
            return None
        for index in range(min(REACH, len(self._waiting))):
            home = self._homes.get(self._waiting[index].node_id)
            if home is worker or home not in self._pool:
                break
        else:
            index = 0
        job = self._waiting[index]
        del self._waiting[index]
        self._homes[job.node_id] = worker
        self._read_ahead()
        return job

    def take_turn(self, position: int) -> Job | None:
        """Take the job of this position, if it waits."""
        if not self._waiting or self._waiting[0].position != position:
            return None
        job = self._waiting.popleft()
        self._read_ahead()
        return job

    def put_back(self, job: Job) -> None:
        """Return a job to its place."""
        self._waiting = deque(sorted([job, *self._waiting], key=lambda job: job.position))

    def drain(self) -> list[Job]:
        """Take all jobs that are left."""
        jobs = [*self._waiting, *(Job(*following) for following in self._messages)]
        self._waiting.clear()
        return jobs

    def _read_ahead(self) -> None:
        while len(self._waiting) < READ_AHEAD and (following := next(self._messages, None)):
            self._waiting.append(Job(*following))
