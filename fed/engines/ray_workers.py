"""Persistent Ray workers: each imports the ClientApp once and then answers message by message."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, NamedTuple

import ray
from flwr.app import ArrayRecord

from fed.engines.machine import keep_freed_memory
from fed.engines.ray_records import PackedMessage, pack_reply, unpack_message
from fed.engines.site import Site, load_client_app, one_thread

# Importing torch, Flower and the ClientApp takes seconds, on a busy machine many.
START_S = 120.0
# A replacement may be placed on a node that is just being lost.
START_TRIES = 3
# What sites that share one call may take together: some ten times what the call itself takes.
TOGETHER_S = 0.02


class Answered(NamedTuple):
    """Of a reply, the bytes of its arrays, and how long its site took."""

    size: int
    seconds: float


class Summary(NamedTuple):
    """How far a worker came with the messages of a call.

    Attributes
    ----------
    answered : list of Answered
        Of the first messages, in their order.
    goes_on : bool
        Whether the next site is at work; `SiteWorker.finish` waits for it.
    """

    answered: list[Answered]
    goes_on: bool = False


class SiteWorker:
    """Runs in a Ray worker process. Whatever the ClientApp memoises stays there.

    Sites run in a thread of their own, so that one that is slow or hangs does not hold up those
    that it shares a call with.
    """

    def __init__(self, client_app: str, sites: Mapping[int, Site]) -> None:
        keep_freed_memory()
        self._app = load_client_app(client_app)
        self._sites = sites
        self._limits = ExitStack()
        self._thread = ThreadPoolExecutor(
            1, initializer=lambda: self._limits.enter_context(one_thread())
        )
        self._unfinished: Future[tuple[Answered, PackedMessage]]

    def ready(self) -> None:
        """Return once the worker has started."""

    @ray.method(num_returns=2)
    def answer(
        self, packed: Sequence[PackedMessage], *beside: ArrayRecord
    ) -> tuple[Summary, list[PackedMessage]]:
        """Let the addressed sites answer one after the other; return the replies.

        Where several share a call, it ends after ``TOGETHER_S`` with the replies to the first.
        """
        ends = time.monotonic() + TOGETHER_S
        answered: list[Answered] = []
        replies: list[PackedMessage] = []
        for packed_message in packed:
            left = ends - time.monotonic()
            if replies and left <= 0:
                break
            self._unfinished = self._thread.submit(self._answer_one, packed_message, beside)
            try:
                found, reply = self._unfinished.result(None if len(packed) == 1 else left)
            except TimeoutError:
                return Summary(answered, goes_on=True), replies
            answered.append(found)
            replies.append(reply)
        return Summary(answered), replies

    @ray.method(num_returns=2)
    def finish(self) -> tuple[Summary, list[PackedMessage]]:
        """Wait for the site that a call has left at work."""
        found, reply = self._unfinished.result()
        return Summary([found]), [reply]

    def _answer_one(
        self, packed: PackedMessage, beside: Sequence[ArrayRecord]
    ) -> tuple[Answered, PackedMessage]:
        start = time.perf_counter()
        message = unpack_message(packed, beside)
        reply = self._sites[message.metadata.dst_node_id].answer(self._app, message)
        release_gpu_memory()
        size, packed_reply = pack_reply(reply)
        return Answered(size, time.perf_counter() - start), packed_reply


def release_gpu_memory() -> None:
    """Hand cached GPU memory back, since the next site on this GPU may run in another worker."""
    import torch

    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


@dataclass(eq=False)
class Worker:
    """The server's handle on one worker."""

    actor: Any
    ready: ray.ObjectRef[Any]
    started_at: float
    tries: int


class WorkerPool:
    """Workers that are free or starting; busy ones are in the hands of the round."""

    def __init__(
        self, count: int, gpus_per_worker: float, client_app: str, sites: Mapping[int, Site]
    ) -> None:
        self._actor_class: Any = ray.remote(SiteWorker).options(
            num_cpus=1, num_gpus=gpus_per_worker, max_restarts=0
        )
        self._client_app = client_app
        self._sites = ray.put(dict(sites))
        self._alive: set[Worker] = set()
        self._closed = False
        self.size = count
        self.free: list[Worker] = []
        self.starting: dict[ray.ObjectRef[Any], Worker] = {}
        for _ in range(count):
            self._start(tries=1)

    def __contains__(self, worker: object) -> bool:
        """Whether a worker has started and not been replaced."""
        return worker in self._alive

    def wait_until_started(self) -> None:
        """Wait for all workers.

        Raises
        ------
        RuntimeError
            If a worker fails, with its reason, or takes longer than ``START_S``.
        """
        refs = list(self.starting)
        ready, missing = ray.wait(refs, num_returns=len(refs), timeout=START_S)
        for ref in ready:
            try:
                ray.get(ref)
            except ray.exceptions.RayError as error:
                raise RuntimeError(f"a ray worker could not start: {error}") from error
            self.admit(ref)
        if missing:
            raise RuntimeError(
                f"engine.workers: {len(ready)} of {len(refs)} ray workers started within "
                f"{START_S:g} s; is the cluster in use by others?"
            )

    def admit(self, ref: ray.ObjectRef[Any]) -> None:
        """Take in a worker whose ``ready`` has come back, or start another in its place."""
        worker = self.starting.pop(ref)
        try:
            ray.get(ref)
        except ray.exceptions.RayError:
            self._alive.discard(worker)
            if worker.tries < START_TRIES:
                self._start(worker.tries + 1)
        else:
            self.free.append(worker)

    def replace(self, worker: Worker) -> None:
        """Kill a worker, whatever it is doing, and start another in its place."""
        if self._closed:
            return
        self._alive.discard(worker)
        ray.kill(worker.actor)
        self._start(tries=1)

    def all_started(self) -> bool:
        """Whether no worker is starting, apart from those that have been given up waiting for."""
        now = time.monotonic()
        return all(now - worker.started_at > START_S for worker in self.starting.values())

    def close(self) -> None:
        """Kill all workers."""
        self._closed = True
        for worker in self._alive:
            ray.kill(worker.actor)
        self._alive.clear()

    def _start(self, tries: int) -> None:
        actor = self._actor_class.remote(self._client_app, self._sites)
        worker = Worker(actor, actor.ready.remote(), time.monotonic(), tries)
        self._alive.add(worker)
        self.starting[worker.ready] = worker
