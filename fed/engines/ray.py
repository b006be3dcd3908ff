"""The engine of many processes and machines: persistent workers on a Ray cluster."""

import logging
import math
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import ray
from flwr.app import Message

from fed.engines.grid import Node, SimulationGrid
from fed.engines.machine import usable_cpus
from fed.engines.ray_call import Call
from fed.engines.ray_queue import Known
from fed.engines.ray_watch import descendants, watched
from fed.engines.ray_workers import WorkerPool
from fed.engines.site import ConfigValue

# Of the object store, replies that wait for their turn may hold this share; the rest is for
# payloads and for the replies being written.
EARLY_SHARE = 0.25
# What starts Ray's dashboard, its autoscaler's monitor, and what shows workers' logs. A local cluster
# needs none of them, and they are close to half of what its start costs; but Ray has no switch for
# them (ray-project/ray#17770: `include_dashboard=False` starts the dashboard's server all the same).
UNNEEDED = ("start_api_server", "start_monitor", "start_log_monitor")


class RayGrid(SimulationGrid):
    """Runs sites on the workers of a pool."""

    def __init__(
        self, nodes: Sequence[Node], run_config: Mapping[str, ConfigValue], early_bytes: int
    ) -> None:
        super().__init__(nodes, run_config)
        self._early_bytes = early_bytes
        self._known = Known()
        self._pool: WorkerPool

    @contextmanager
    def workers(self, count: int, gpus_per_worker: float, client_app: str) -> Iterator[None]:
        """Start the workers; kill them on exit."""
        self._pool = WorkerPool(count, gpus_per_worker, client_app, self._sites)
        try:
            self._pool.wait_until_started()
            yield
        finally:
            self._pool.close()

    def _answers(self, messages: Iterator[Message], timeout: float | None) -> Iterator[Message]:
        return Call(
            self._pool, self._known, self._sites, messages, timeout, self._early_bytes
        ).replies()


@contextmanager
def start_ray_grid(
    nodes: Sequence[Node],
    run_config: Mapping[str, ConfigValue],
    client_app: str,
    *,
    workers: int | None,
    gpus_per_worker: float,
    address: str | None,
) -> Iterator[SimulationGrid]:
    """Start workers on a cluster; see `fed.engines.start_grid`."""
    with cluster(address, workers):
        count = worker_count(workers, gpus_per_worker, ray.cluster_resources())
        early_bytes = int(EARLY_SHARE * ray.cluster_resources()["object_store_memory"])
        grid = RayGrid(nodes, run_config, early_bytes)
        with grid.workers(count, gpus_per_worker, client_app):
            yield grid


@contextmanager
def cluster(address: str | None, workers: int | None) -> Iterator[None]:
    """Connect to a Ray cluster, or start a local one; leave it on exit.

    Where this process is connected to a cluster already, that one is used and left alone.
    """
    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing leaves the premises
    os.environ.setdefault("RAY_IGNORE_UNHANDLED_ERRORS", "1")  # replies report them
    path = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    where: dict[str, Any] = {"address": address, "runtime_env": {"env_vars": path}}
    if address is None:
        cpus = workers or usable_cpus()
        where = {"address": "local", "num_cpus": cpus, "include_dashboard": False}
    with ExitStack() as stack:
        family = None if address else stack.enter_context(watched())
        others = descendants()
        stack.callback(ray.shutdown)
        on_sigterm = signal.getsignal(signal.SIGTERM)
        with _environment({} if address else path), _needed_processes_alone():
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **where)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, on_sigterm)  # Ray's own would leave without a word
        if family is not None:
            print(*descendants() - others, file=family, flush=True)
        yield


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables for the processes that are started meanwhile.

    A local cluster starts its workers ahead, and they serve if they need no environment of their
    own. Otherwise Ray starts others in their place, which takes a second longer.
    """
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _needed_processes_alone() -> Iterator[None]:
    """Have a cluster that is started meanwhile go without what is `UNNEEDED`.

    A Ray that has no such methods starts what it likes.
    """
    node = ray._private.node.Node
    starts = {name: vars(node)[name] for name in UNNEEDED if name in vars(node)}
    for name in starts:
        setattr(node, name, _start_nothing)
    try:
        yield
    finally:
        for name, start in starts.items():
            setattr(node, name, start)


def _start_nothing(*_: object, **__: object) -> None:
    """Stand in for a method of Ray's node that starts a process."""


def worker_count(asked: int | None, gpus_per_worker: float, resources: Mapping[str, float]) -> int:
    """Return how many workers to start, by default as many as the cluster has room for.

    Raises
    ------
    ValueError
        If the cluster has not enough CPUs or GPUs.
    """
    cpus = int(resources.get("CPU", 0))
    gpus = int(resources.get("GPU", 0))
    room = cpus
    if gpus_per_worker >= 1:
        room = min(cpus, int(gpus // gpus_per_worker))
    elif gpus_per_worker > 0:
        room = min(cpus, gpus * math.floor(1 / gpus_per_worker))
    if room < (asked or 1):
        raise ValueError(
            f"engine.workers: {asked or 1} asked for, but the cluster ({cpus} CPUs, {gpus} GPUs) "
            f"has room for {room} with engine.gpus_per_worker={gpus_per_worker:g}"
        )
    return asked or room
