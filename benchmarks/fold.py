"""What the server does with a round's updates: ``python -m benchmarks.fold [--csv]``.

For the plain mean and the default, the processor's seconds for a GiB of updates: as replies come,
while other sites are at work (each is checked and taken in), and after the last one has come. One
thread; updates of 64 MB of 8 sites in memory, in turn, medians with the lowest and the highest of
the whole. What a runtime takes to bring the replies is in `benchmarks/engine.md`.
"""

import argparse
import csv
import platform
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fed.engines.machine import keep_freed_memory
from fed.engines.site import one_thread
from fed.protocol.refusal import check_array
from server.reductions import Reduction
from server.reductions.mean import Mean
from server.reductions.norm_bounded import NormBounded
from server.weights import EVERYONE
from server.weights.by_cases import ByCases

RESULTS = Path(__file__).parents[1] / "results" / "fold.csv"
REDUCTIONS: Mapping[str, Reduction] = {"mean": Mean(), "norm_bounded": NormBounded()}
SITES, ARRAYS = 8, 16
Update = dict[str, NDArray[np.float32]]


class Row(NamedTuple):
    """One reduction; seconds of the processor for a GiB of updates."""

    reduction: str
    as_it_comes: float
    after_the_last: float
    whole: float
    lowest: float
    highest: float


def measure(megabytes: float, turns: int) -> list[Row]:
    """Return a row a reduction."""
    random = np.random.default_rng(0)
    numbers = int(megabytes * 2**20 / 4 / ARRAYS)
    current, *updates = (
        {f"encoder.{n}.weight": random.standard_normal(numbers, np.float32) for n in range(ARRAYS)}
        for _ in range(1 + SITES)
    )
    gib = SITES * megabytes / 1024
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in REDUCTIONS}
    for _ in range(1 + turns):
        for name, reduction in REDUCTIONS.items():
            come, last = _timed(reduction, current, updates)
            found[name].append((come / gib, last / gib))
    rows = []
    for name, seconds in found.items():
        come, last = np.array(seconds[1:]).T
        whole = come + last
        rows.append(Row(name, median(come), median(last), median(whole), min(whole), max(whole)))
    return rows


def _timed(reduction: Reduction, current: Update, updates: Sequence[Update]) -> tuple[float, float]:
    start = time.process_time()
    fold = reduction.fold(current)
    for cases, update in enumerate(updates, 100):
        for name, value in update.items():
            check_array(name, value, np.float32, current[name].shape)
        fold.add(update, float(cases), EVERYONE)
    come = time.process_time()
    fold.result(ByCases())
    return come - start, time.process_time() - come


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--csv", action="store_true", help="write results/fold.csv")
    asked = parser.parse_args()
    keep_freed_memory()
    with one_thread():
        rows = measure(64.0, asked.turns)
    for row in rows:
        print(
            f"{row.reduction:13} {row.as_it_comes:.3f} s as replies come, {row.after_the_last:.3f} s "
            f"after the last; {row.whole:.3f} ({row.lowest:.3f} to {row.highest:.3f}) s a GiB"
        )
    if asked.csv:
        ends = (time.strftime("%Y-%m-%d"), f"{platform.machine()}, one thread")
        with RESULTS.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow((*Row._fields, "date", "machine"))
            for row in rows:
                writer.writerow((row.reduction, *(f"{value:.3g}" for value in row[1:]), *ends))


if __name__ == "__main__":
    main()
