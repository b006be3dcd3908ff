"""What a study is said to cost, beside what it takes: ``python -m benchmarks.study_cost [--csv]``.

Jobs of a study, drawn by lot, are done in this process as a worker of the study does them, until
they have taken some seconds of the processor. Compared are the processor's seconds that they took
and those that the program foresees for the same jobs; on one thread, and without what Python and
PyTorch take to start.
"""

from __future__ import annotations

import argparse
import importlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.study_runs import read, table, write
from fed.config import Config, load
from fed.data.opening import open_once, open_source
from fed.study.cost import sites_of
from fed.study.plan import plan
from server.placement import alone
from server.simulation import cards_of, simulate
from server.study import PRELOADED, Job, jobs_of

RESULTS = Path("results/study_cost.csv")
STUDIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "features": ("sources_methods", ()),
    "prepared images": ("sources_small", ("training.rounds=2",)),
    "prepared images, pretrained encoders that train": ("sources_tuned", ()),
    "image files": ("sources_small", ("training.rounds=2", "data.prepared=null")),
    "phantom patients": ("endpoint", ()),
    "phantom eyes": ("ablation", ()),
    "phantom eyes, with privacy": ("privacy", ()),
    "phantom eyes, onboarding": ("onboarding", ()),
}
"""What eyes are read from: the study, and what is changed in it."""


class Row(NamedTuple):
    """Seconds of the processor, of the jobs that were done."""

    eyes: str
    study: str
    jobs: int
    of: int
    foreseen: float
    took: float
    ratio: float


def main() -> None:
    """Measure, print, and with ``--csv`` store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", choices=[*STUDIES], default=[*STUDIES])
    parser.add_argument("--seconds", type=float, default=60.0, help="of the processor, a study")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", dest="changes")
    parser.add_argument("--csv", action="store_true")
    asked = parser.parse_args()
    for module in PRELOADED:
        importlib.import_module(module)
    rows = []
    for eyes in asked.only:
        name, changes = STUDIES[eyes]
        config = load([Path(f"configs/studies/{name}.yaml")], [*asked.changes, *changes])
        rows.append(measured(eyes, name, config, asked.seconds))
        print(rows[-1], flush=True)
    if asked.csv:
        stored = read(RESULTS) if RESULTS.exists() else []
        kept = [Row(*row.values()) for row in stored if row["eyes"] not in asked.only]
        write(RESULTS, Row._fields, [*kept, *rows])


def measured(eyes: str, study: str, config: Config, seconds: float) -> Row:
    """Do jobs of a study until they have taken so many seconds of the processor."""
    runs = plan(config)
    source = open_source(runs[0].config)
    with tempfile.TemporaryDirectory() as folder:
        known = sites_of(cards_of(source, runs[0].config)) if config.data.real else None
        jobs = jobs_of(runs, Path(folder), known)
        foreseen = took = 0.0
        done = 0
        for job in by_lot(jobs):
            begun = time.process_time()
            do(job)
            took += time.process_time() - begun
            foreseen += job.seconds
            done += 1
            print(f"  {job.words}: {job.seconds:.1f} foreseen, {took:.1f} in all", flush=True)
            if took > seconds:
                break
    return Row(eyes, study, done, len(jobs), foreseen, took, took / foreseen)


def by_lot(jobs: Sequence[Job]) -> Iterator[Job]:
    """Yield jobs in a drawn order, each after the one that it starts from."""
    folders = {job.folder: job for job in jobs}
    done: set[Path] = set()
    for number in np.random.default_rng(0).permutation(len(jobs)).tolist():
        chain = [jobs[number]]
        while chain[-1].after is not None:
            chain.append(folders[chain[-1].after])
        for job in reversed(chain):
            if job.folder not in done:
                done.add(job.folder)
                yield job


def do(job: Job) -> None:
    """Do a job as a worker of a study does."""
    config = alone(job.config)
    job.folder.mkdir(parents=True)
    simulate(config, open_once(config), job.folder, [], one_of_many=True)


def page(source: Path) -> str:
    """Return the stored table as Markdown."""
    lines: list[list[Any]] = [
        [row["eyes"], f"`{row['study']}`", f"{row['jobs']} of {row['of']}"]
        + [f"{float(row[name]):.0f} s" for name in ("foreseen", "took")]
        + [f"{float(row['ratio']):.2f}"]
        for row in read(source)
    ]
    return table(["eyes from", "study", "jobs", "foreseen", "took", "took / foreseen"], lines)


if __name__ == "__main__":
    main()
