"""The runs of a study, for benchmarks that reduce more of them than their metrics."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from fed.results import Run

STUDY = Path("runs/evidence/after_training")
CONFIDENCE = 0.95


def arguments(description: str | None, target: Path) -> argparse.ArgumentParser:
    """Return a command line that takes the folder of the study and the table to write."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("folder", nargs="?", type=Path, default=STUDY)
    parser.add_argument("--write", type=Path, default=target)
    return parser


def runs_of(folder: Path, calibrate: str) -> list[Run]:
    """Return the runs of the study whose prediction sets are calibrated so, by seed."""
    runs = [Run.load(path.parent) for path in sorted(folder.glob("*/results.json"))]
    found = [r for r in runs if r.results.sets and r.results.sets.calibrate == calibrate]
    return sorted(found, key=lambda run: run.results.seed)


def write(path: Path, heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table; floats with four decimals, what is undefined as nothing."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(heads)
        writer.writerows([[_cell(value) for value in row] for row in rows])
    print(path)


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of such a table."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def t_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean over seeds with its 95 % t-interval."""
    mean = float(np.mean(values))
    half = stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * stats.sem(values)
    return mean, mean - float(half), mean + float(half)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of Markdown; numbers stand at the right, but for the first column."""
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else value
