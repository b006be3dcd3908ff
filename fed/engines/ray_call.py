"""One call of a Ray grid: messages out to the workers, replies back in the messages' order."""

import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import ray
from flwr.app import Message

from fed.engines.messages import failure, late
from fed.engines.ray_pages import StorePages
from fed.engines.ray_queue import Job, JobQueue, Known
from fed.engines.ray_records import PackedMessage, Payloads, unpack_message
from fed.engines.ray_workers import START_S, Worker, WorkerPool
from fed.engines.site import Site

# A site whose worker was lost is run again. After three losses the site is the likely cause
# (it runs out of memory, say), no longer a victim.
RERUNS = 2
# A reply that lies on another machine may be large; longer than this, that machine is lost.
FETCH_S = 60.0
# How long the server may work on replies before the engine looks for workers without work.
ATTENTION_S = 0.001

LOST = (
    ray.exceptions.RayActorError,
    ray.exceptions.WorkerCrashedError,
    ray.exceptions.OutOfMemoryError,
    ray.exceptions.NodeDiedError,
    ray.exceptions.ObjectLostError,
)


@dataclass(eq=False)
class Running:
    """Jobs that a worker runs in one call, and where their replies will be."""

    worker: Worker
    jobs: list[Job]
    replies: ray.ObjectRef[Any]
    _fetched: list[PackedMessage] | None = None

    def reply(self, index: int) -> Message:
        """Fetch a reply; raise RayError if it was lost."""
        if self._fetched is None:
            self._fetched = ray.get(self.replies, timeout=FETCH_S)
        return unpack_message(self._fetched[index])


@dataclass(frozen=True)
class Arrival:
    """A reply that waits for its turn in the object store, or (a failure) here."""

    job: Job
    reply: Message | tuple[Running, int]
    size: int = 0


class Call:
    """Runs one call.

    Parameters
    ----------
    pool : WorkerPool
        Workers; they outlive the round.
    known : Known
        What earlier calls have taught; this one adds to it.
    sites : Mapping of int to Site
        The sites by node id.
    messages : Iterator of Message
        Messages, in the order in which to reply.
    timeout : float, optional
        Deadline in seconds; its clock starts once the workers have started.
    early_bytes : int
        Once replies ahead of their turn hold this many bytes, only the next in turn is run.
    """

    def __init__(
        self,
        pool: WorkerPool,
        known: Known,
        sites: Mapping[int, Site],
        messages: Iterator[Message],
        timeout: float | None,
        early_bytes: int,
    ) -> None:
        self._pool = pool
        self._sites = sites
        self._known = known
        self._queue = JobQueue(messages, pool, known)
        self._timeout = timeout
        self._clock_started: float | None = None
        self._early_limit = early_bytes
        self._early_bytes = 0
        self._pages = StorePages()
        self._payloads = Payloads(self._pages)
        self._running: dict[ray.ObjectRef[Any], Running] = {}
        self._arrived: dict[int, Arrival] = {}
        self._turn = 0
        self._looked_at = 0.0

    def replies(self) -> Iterator[Message]:
        """Yield the reply to each message, in the order of the messages."""
        try:
            while True:
                self._hand_out()
                while self._turn in self._arrived:
                    reply = self._take_turn()
                    if reply is not None:
                        yield reply
                        self._pages.let_go(reply)
                        del reply
                    if time.monotonic() - self._looked_at > ATTENTION_S:
                        self._look(0.0)
                        self._hand_out()
                if not self._queue and not self._running:
                    return
                self._look(self._patience())
                if not self._running and not self._pool.free and self._pool.all_started():
                    self._give_up_workers()
                if self._seconds_left() == 0:
                    self._look(0.0)
                    self._give_up_late()
        finally:
            for running in self._running.values():
                self._pool.replace(running.worker)

    def _hand_out(self) -> None:
        while self._pool.free:
            worker = self._pool.free[-1]
            early = self._early_bytes > self._early_limit
            jobs = self._queue.take_turn(self._turn) if early else self._queue.take(worker)
            if not jobs:
                return
            self._pool.free.pop()
            packed, refs = self._payloads.packed(job.message for job in jobs)
            summary, replies = worker.actor.answer.remote(packed, *refs)
            self._running[summary] = Running(worker, jobs, replies)

    def _look(self, timeout: float | None) -> None:
        """Wait for a worker to finish or to start, and take in all that have."""
        refs = [*self._running, *self._pool.starting]
        if refs:
            ready, others = ray.wait(refs, num_returns=1, timeout=timeout, fetch_local=False)
            if ready and others:
                more, _ = ray.wait(others, num_returns=len(others), timeout=0, fetch_local=False)
                ready += more
            for ref in ready:
                if ref in self._running:
                    self._finish(ref)
                else:
                    self._pool.admit(ref)
        self._looked_at = time.monotonic()

    def _finish(self, ref: ray.ObjectRef[Any]) -> None:
        running = self._running.pop(ref)
        try:
            summary = ray.get(ref)
        except LOST as error:
            self._pool.replace(running.worker)
            self._lose(running.jobs, error)
            return
        except ray.exceptions.RayTaskError as error:  # outside the ClientApp: packing, say
            self._pool.free.append(running.worker)
            if not self._part(running.jobs):
                cause = "".join(traceback.format_exception_only(error.cause))
                self._fail(running.jobs[0], cause, str(error))
            return
        for index, (size, seconds) in enumerate(summary.answered):
            job = running.jobs[index]
            self._known.seconds[job.asked] = seconds
            self._arrive(Arrival(job, (running, index), size))
        left = running.jobs[len(summary.answered) :]
        if summary.goes_on:
            rest, replies = running.worker.actor.finish.remote()
            self._running[rest] = Running(running.worker, [left.pop(0)], replies)
        else:
            self._pool.free.append(running.worker)
        self._queue.put_back(left)

    def _arrive(self, arrival: Arrival) -> None:
        self._arrived[arrival.job.position] = arrival
        self._early_bytes += arrival.size

    def _take_turn(self) -> Message | None:
        """Return the reply whose turn it is, or None if it was lost."""
        arrival = self._arrived.pop(self._turn)
        self._early_bytes -= arrival.size
        if isinstance(arrival.reply, Message):
            reply = arrival.reply
        else:
            running, index = arrival.reply
            try:
                reply = running.reply(index)
            except ray.exceptions.RayError as error:
                self._lose([arrival.job], error)
                return None
        self._turn += 1
        return reply

    def _part(self, jobs: list[Job]) -> bool:
        """Have jobs that shared a call run again, each by itself; return whether they did."""
        if len(jobs) == 1:
            return False
        for job in jobs:
            job.alone = True
        self._queue.put_back(jobs)
        return True

    def _lose(self, jobs: list[Job], error: Exception) -> None:
        """Run jobs again whose worker was lost; give one up when that happens too often."""
        if self._part(jobs):
            return
        (job,) = jobs
        job.losses += 1
        if job.losses <= RERUNS:
            self._queue.put_back(jobs)
        else:
            summary = f"its worker was lost {job.losses} times ({type(error).__name__})"
            self._fail(job, summary, str(error))

    def _fail(self, job: Job, summary: str, details: str) -> None:
        name = self._sites[job.node_id].name
        self._arrive(Arrival(job, failure(job.message, name, summary, details)))

    def _seconds_left(self) -> float | None:
        """Return the seconds left until the deadline, None before its clock has started."""
        if self._timeout is None:
            return None
        if self._clock_started is None:
            if not self._pool.all_started():
                return None
            self._clock_started = time.monotonic()
        return max(0.0, self._clock_started + self._timeout - time.monotonic())

    def _patience(self) -> float | None:
        """Return how long to wait for the workers before something else is to be done."""
        left = self._seconds_left()
        if left is not None:
            return left
        return START_S if self._timeout is not None or not self._running else None

    def _give_up_workers(self) -> None:
        for job in self._queue.drain():
            self._fail(job, "no ray worker is left, and none could be started", "")

    def _give_up_late(self) -> None:
        jobs = self._queue.drain()
        for running in self._running.values():
            self._pool.replace(running.worker)
            jobs += running.jobs
        self._running.clear()
        for job in jobs:
            name = self._sites[job.node_id].name
            self._arrive(Arrival(job, late(job.message, name, self._timeout or 0.0)))
