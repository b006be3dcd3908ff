"""One call of a Ray grid: messages out to the workers, replies back in the messages' order."""

import time
import traceback
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import ray
from flwr.app import Message

from fed.engines.messages import failure, late
from fed.engines.ray_records import Payloads, open_letter
from fed.engines.ray_workers import START_S, Worker, WorkerPool
from fed.engines.site import Site

# A site whose worker was lost is run again. After three losses the site is the likely cause
# (it runs out of memory, say), no longer a victim.
RERUNS = 2
# How far ahead of its turn a site may run for the sake of a worker that knows it.
REACH = 32

LOST = (
    ray.exceptions.RayActorError,
    ray.exceptions.WorkerCrashedError,
    ray.exceptions.OutOfMemoryError,
    ray.exceptions.NodeDiedError,
    ray.exceptions.ObjectLostError,
)


@dataclass(eq=False)
class Job:
    """A message on its way, and its place in the order of replies."""

    position: int
    message: Message
    losses: int = 0


@dataclass(frozen=True)
class Early:
    """A reply that waits in the object store, or (a failure) here, for its turn."""

    job: Job
    size: int
    reply: ray.ObjectRef[Any] | Message


class Round:
    """Runs one call.

    Parameters
    ----------
    pool : WorkerPool
        Workers; they outlive the round.
    homes : dict of int to Worker
        The worker that last served each node; kept from round to round.
    early_bytes : int
        Once replies ahead of their turn hold this many bytes, only the next in turn is run.
    """

    def __init__(
        self,
        pool: WorkerPool,
        homes: dict[int, Worker],
        sites: Mapping[int, Site],
        messages: Iterator[Message],
        timeout: float | None,
        early_bytes: int,
    ) -> None:
        self._pool = pool
        self._homes = homes
        self._sites = sites
        self._messages = enumerate(messages)
        self._timeout = timeout
        self._clock_started: float | None = None
        self._early_limit = early_bytes
        self._payloads = Payloads()
        self._waiting: deque[Job] = deque()
        self._running: dict[ray.ObjectRef[Any], tuple[Worker, Job, ray.ObjectRef[Any]]] = {}
        self._early: dict[int, Early] = {}
        self._turn = 0

    def replies(self) -> Iterator[Message]:
        """Yield the reply to each message, in the order of the messages."""
        try:
            while True:
                self._hand_out()
                if self._turn in self._early:
                    reply = self._take_turn()
                    if reply is not None:
                        yield reply
                    self._note_finished(0.0)  # so that no worker idles while the server sums
                elif self._waiting or self._running:
                    self._note_finished(self._patience())
                else:
                    return
                if self._patience() == 0:
                    self._note_finished(0.0)
                    self._give_up_late()
        finally:
            for worker, _, _ in self._running.values():
                self._pool.replace(worker)

    def _hand_out(self) -> None:
        self._read_ahead()
        while self._pool.free and (job := self._choose(self._pool.free[-1])) is not None:
            worker = self._pool.free.pop()
            self._homes[job.message.metadata.dst_node_id] = worker
            letter, refs = self._payloads.letter(job.message)
            size, reply = worker.actor.answer.remote(letter, *refs)
            self._running[size] = (worker, job, reply)
            self._read_ahead()

    def _read_ahead(self) -> None:
        while len(self._waiting) < REACH and (following := next(self._messages, None)):
            self._waiting.append(Job(*following))

    def _choose(self, worker: Worker) -> Job | None:
        """Take the next job for a free worker: a site that it knows or nobody does, else any."""
        if not self._waiting:
            return None
        job = self._waiting[0]
        if sum(early.size for early in self._early.values()) > self._early_limit:
            if job.position != self._turn:
                return None
        else:
            for candidate in self._waiting:
                home = self._homes.get(candidate.message.metadata.dst_node_id)
                if home is worker or home not in self._pool:
                    job = candidate
                    break
        self._waiting.remove(job)
        return job

    def _note_finished(self, timeout: float | None) -> None:
        refs = [*self._running, *self._pool.starting]
        if not refs:
            return
        ready, _ = ray.wait(refs, num_returns=1, timeout=timeout, fetch_local=False)
        if ready:  # the others that are ready by now, too
            ready, _ = ray.wait(refs, num_returns=len(refs), timeout=0, fetch_local=False)
        for ref in ready:
            if ref in self._running:
                self._finish(ref)
            else:
                self._pool.admit(ref)

    def _finish(self, ref: ray.ObjectRef[Any]) -> None:
        worker, job, reply = self._running.pop(ref)
        try:
            size = ray.get(ref)
        except LOST as error:
            self._pool.replace(worker)
            self._lose(job, error)
        except ray.exceptions.RayTaskError as error:  # outside the ClientApp: packing, say
            self._pool.free.append(worker)
            cause = "".join(traceback.format_exception_only(error.cause))
            self._keep(job, failure(job.message, self._name(job), cause, str(error)))
        else:
            self._pool.free.append(worker)
            self._early[job.position] = Early(job, size, reply)

    def _take_turn(self) -> Message | None:
        early = self._early.pop(self._turn)
        if isinstance(early.reply, Message):
            self._turn += 1
            return early.reply
        try:
            reply = open_letter(ray.get(early.reply))
        except ray.exceptions.RayError as error:
            self._lose(early.job, error)
            return None
        self._turn += 1
        return reply

    def _lose(self, job: Job, error: Exception) -> None:
        job.losses += 1
        if job.losses <= RERUNS:
            self._waiting.appendleft(job)
            return
        summary = f"its worker was lost {job.losses} times ({type(error).__name__})"
        self._keep(job, failure(job.message, self._name(job), summary, str(error)))

    def _keep(self, job: Job, reply: Message) -> None:
        self._early[job.position] = Early(job, 0, reply)

    def _name(self, job: Job) -> str:
        return self._sites[job.message.metadata.dst_node_id].name

    def _patience(self) -> float | None:
        """Return the seconds left until the deadline; its clock starts once the workers have."""
        if self._timeout is None:
            return None
        if self._clock_started is None:
            if not self._pool.all_started():
                return START_S
            self._clock_started = time.monotonic()
        return max(0.0, self._clock_started + self._timeout - time.monotonic())

    def _give_up_late(self) -> None:
        timeout = self._timeout or 0.0
        for worker, job, _ in self._running.values():
            self._pool.replace(worker)
            self._waiting.append(job)
        self._running.clear()
        self._waiting.extend(Job(*following) for following in self._messages)
        for job in self._waiting:
            self._keep(job, late(job.message, self._name(job), timeout))
        self._waiting.clear()
