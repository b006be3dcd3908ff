"""Engines against Flower's own runtime: ``python -m benchmarks.engine [--short | --large] [--csv]``.

``--short`` asks what `benchmarks/engine.md` leads with: a thousand idle sites, and a hundred that
work unequally long. Every measurement runs in a process of its own, one after the other, so that
the figures of one call compare with each other; between machines, or between calls on a shared one,
only the ratios mean something. A round to warm up is left out; start-up is given apart.
"""

import argparse
import csv
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.engine_run import Result, Spec

RESULTS = Path(__file__).parents[1] / "results" / "engine.csv"
RUNTIMES = ("inline", "ray", "flower")


class Row(NamedTuple):
    """One figure."""

    question: str
    runtime: str
    sites: int
    megabytes: float
    quantity: str
    value: float


def measure(spec: Spec) -> Result:
    """Run one measurement in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.engine_run", json.dumps(asdict(spec))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{spec} failed:\n{done.stderr[-2000:]}")
    return Result(**json.loads(done.stdout.splitlines()[-1]))


def idle_sites(numbers: Sequence[int]) -> Iterator[Row]:
    """Measure how many messages a second, and what a site costs the server."""
    for sites in numbers:
        for runtime in RUNTIMES:
            result = measure(Spec(runtime, "idle", sites, rounds=4))
            seconds = median(result.round_s[1:])
            row = ("idle sites", runtime, sites, 0.0)
            yield Row(*row, "messages a second", sites / seconds)
            yield Row(*row, "milliseconds a site", 1000 * seconds / sites)
            for whose, spent in (("server", result.server_cpu_s), ("others", result.others_cpu_s)):
                yield Row(*row, f"processor ms a site, {whose}", 1000 * median(spent[1:]) / sites)
            yield Row(*row, "server KiB a site", result.peak_private / 1024 / sites)
            yield Row(*row, "start-up and first round, s", result.start_s + result.round_s[0])


def one_model(megabytes: float, runtimes: tuple[str, ...]) -> Iterator[Row]:
    """Measure what sending one model to many sites takes, and what the server holds meanwhile."""
    for runtime in runtimes:
        for sites in (4, 16, 64):
            rounds = 1 if megabytes >= 1024 else 2
            result = measure(Spec(runtime, "model", sites, rounds, megabytes=megabytes))
            row = ("one model", runtime, sites, megabytes)
            yield Row(*row, "seconds a site", result.round_s[-1] / sites)
            yield Row(*row, "processor s a site, server", result.server_cpu_s[-1] / sites)
            yield Row(*row, "processor s a site, others", result.others_cpu_s[-1] / sites)
            yield Row(*row, "server peak, models", result.peak_rss / 2**20 / megabytes)
            yield Row(*row, "not mapped, models", result.peak_private / 2**20 / megabytes)
            if runtime == "ray":
                yield Row(*row, "copies in the object store", result.stored)


def unequal_sites() -> Iterator[Row]:
    """Measure how much of two workers' time goes into the sites' own work."""
    workers = 2
    for runtime in ("ray", "flower"):
        result = measure(Spec(runtime, "compute", 100, rounds=3, workers=workers))
        efficiency = [
            site_s / (workers * round_s)
            for site_s, round_s in zip(result.site_s, result.round_s, strict=True)
        ]
        row = ("unequal sites", runtime, 100, 0.0)
        yield Row(*row, "efficiency", median(efficiency[1:]))
        yield Row(*row, "seconds a round", median(result.round_s[1:]))


def against_flower(row: Row, rows: list[Row]) -> str:
    """Return how the figure compares with that of Flower's runtime."""
    theirs = [
        other.value
        for other in rows
        if other.runtime == "flower" and (other[0], *other[2:5]) == (row[0], *row[2:5])
    ]
    if row.runtime == "flower" or not theirs or not theirs[0]:
        return ""
    return f"{row.value / theirs[0]:8.3g} x flower"


def main() -> None:
    """Measure, print, and with ``--csv`` put the figures into ``results/engine.csv``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="1,000 idle, 100 unequal sites only")
    parser.add_argument("--large", action="store_true", help="only a model of 1 GB, with Ray")
    parser.add_argument("--csv", action="store_true", help="into results/engine.csv")
    arguments = parser.parse_args()
    if arguments.short:
        questions = [idle_sites([1000]), unequal_sites()]
    elif arguments.large:
        questions = [one_model(1024, ("ray",))]
    else:
        questions = [idle_sites([10, 100, 1000]), one_model(32, RUNTIMES), unequal_sites()]
    rows: list[Row] = []
    for question in questions:
        answered = list(question)
        rows += answered
        for row in sorted(answered, key=lambda row: (row.quantity, row.sites)):
            print(
                f"{row.question:14} {row.quantity:28} {row.sites:5} sites {row.megabytes:6g} MB "
                f"{row.runtime:7} {row.value:10.4g} {against_flower(row, rows)}",
                flush=True,
            )
    if arguments.csv:
        _write(rows)


def _write(rows: list[Row]) -> None:
    """Put figures into the file, in the place of earlier ones."""
    earlier = csv.reader(RESULTS.read_text().splitlines()) if RESULTS.exists() else []
    table = {tuple(line[:-1]): line[-1] for line in earlier}
    measured = {tuple(map(str, row[:-1])): f"{row.value:.4g}" for row in rows}
    table = {tuple(Row._fields[:-1]): Row._fields[-1]} | table | measured
    with RESULTS.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows((*figure, value) for figure, value in table.items())


if __name__ == "__main__":
    main()
