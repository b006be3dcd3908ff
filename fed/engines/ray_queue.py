"""Which sites a free worker runs next."""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from flwr.app import Message

from fed.engines.ray_workers import TOGETHER_S, Worker, WorkerPool

# How far ahead of its turn a site may run for the sake of a worker that knows it.
REACH = 32
READ_AHEAD = 256
# Sites that share one call of a worker at most; more spares little and shares badly.
MOST_TOGETHER = 32


@dataclass
class Known:
    """What one call of a grid teaches the next: it changes who runs where, never a result.

    Attributes
    ----------
    homes : dict
        Who last served a node, and so has its images.
    seconds : dict
        How long a node last worked on a message of a type.
    """

    homes: dict[int, Worker] = field(default_factory=dict)
    seconds: dict[tuple[int, str], float] = field(default_factory=dict)


@dataclass(eq=False)
class Job:
    """A message on its way, and its place in the order of replies."""

    position: int
    message: Message
    losses: int = 0
    alone: bool = False  # a call that it shared came to grief

    @property
    def asked(self) -> tuple[int, str]:
        """The site, and what is asked of it."""
        return self.node_id, self.message.metadata.message_type

    @property
    def node_id(self) -> int:
        """The site that the message is for."""
        return self.message.metadata.dst_node_id


class JobQueue:
    """The jobs of one call that no worker has yet, in the order of replies."""

    def __init__(self, messages: Iterator[Message], pool: WorkerPool, known: Known) -> None:
        self._messages = enumerate(messages)
        self._pool = pool
        self._known = known
        self._waiting: deque[Job] = deque()
        self._read_ahead()

    def __len__(self) -> int:
        """Count the jobs known to be left; 0 only if none is."""
        return len(self._waiting)

    def take(self, worker: Worker) -> list[Job]:
        """Take the next site for a worker, with those after it that took next to nothing before.

        A site that is not known to be quick has a call of its own.
        """
        taken: list[Job] = []
        left = TOGETHER_S
        share = math.ceil(len(self._waiting) / self._pool.size)
        while self._waiting and len(taken) < min(share, MOST_TOGETHER):
            index = self._next_for(worker)
            job = self._waiting[index]
            left -= TOGETHER_S if job.alone else self._known.seconds.get(job.asked, TOGETHER_S)
            if taken and left <= 0:
                break
            del self._waiting[index]
            self._known.homes[job.node_id] = worker
            taken.append(job)
        self._read_ahead()
        return taken

    def _next_for(self, worker: Worker) -> int:
        """Return where the next site waits that the worker knows or nobody does, else the next."""
        for index in range(min(REACH, len(self._waiting))):
            home = self._known.homes.get(self._waiting[index].node_id)
            if home is worker or home not in self._pool:
                return index
        return 0

    def take_turn(self, position: int) -> list[Job]:
        """Take the job of this position, if it waits."""
        if not self._waiting or self._waiting[0].position != position:
            return []
        job = self._waiting.popleft()
        self._read_ahead()
        return [job]

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

    def _read_ahead(self) -> None:
        while len(self._waiting) < READ_AHEAD and (following := next(self._messages, None)):
            self._waiting.append(Job(*following))
