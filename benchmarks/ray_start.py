"""Measure what a local Ray cluster takes to start, with and without what a federation does not need.

    python -m benchmarks.ray_start [--repeat 3]

Both ways take turns, each in a process of its own: two workers that import nothing, the seconds until
both answer, and the processor's seconds of all processes that were started. The second figure depends
little on who else uses the machine.
"""

from __future__ import annotations

import argparse
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import psutil
import ray
from rich.console import Console
from rich.table import Table

from fed.engines import ray as engine

WORKERS = 2


def start(everything: bool) -> tuple[float, float]:
    """Return the seconds that a start takes, on the wall and of the processor."""
    if everything:
        engine.UNNEEDED = ()
    begin, own = time.perf_counter(), time.process_time()
    with engine.cluster(None, WORKERS):
        worker = ray.remote(num_cpus=1)(lambda: None)
        ray.get([worker.remote() for _ in range(WORKERS)])
        wall, busy = time.perf_counter() - begin, time.process_time() - own
        for child in psutil.Process().children(recursive=True):
            times = child.cpu_times()
            busy += times.user + times.system
    return wall, busy


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3, help="starts of each kind")
    options = parser.parse_args()
    kinds = {"all that Ray starts": True, "what is needed": False}
    taken: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
    for _ in range(options.repeat):
        for kind, everything in kinds.items():
            with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                taken[kind].append(pool.submit(start, everything).result())
    table = Table("", "seconds", "of the processor", "lowest", "highest")
    for kind, runs in taken.items():
        walls, busy = zip(*runs, strict=True)
        figures = (statistics.median(walls), statistics.median(busy), min(busy), max(busy))
        table.add_row(kind, *(f"{value:.1f}" for value in figures))
    Console().print(table)


if __name__ == "__main__":
    main()
