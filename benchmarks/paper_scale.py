"""The published networks at their published sizes on a CPU: time and memory of a round a phase.

``python -m benchmarks.paper_scale [--engine inline ray] [--csv]`` generates 16 eyes for two sites
and 4 held out, in the form of Harvard-30k, runs ``configs/paper.yaml`` on them for one round of
each phase, and prints a line an engine. ``--csv`` writes ``results/paper_scale.csv``.
"""

import argparse
import csv
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import nibabel
import numpy as np
import openpyxl
import psutil
import yaml
from PIL import Image

from benchmarks.watching import watch

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results" / "paper_scale.csv"
ENGINES = ("inline", "ray")
TRAIN, TEST = range(1, 17), range(17, 21)


class Row(NamedTuple):
    """What a run took; memory is that of all its processes together, what they share once."""

    engine: str
    cases: int
    rounds: int
    seconds: float
    peak_gib: float
    load: float


def measure(engine: str, folder: Path) -> Row:
    """Run two rounds, one of each phase, in an empty folder.

    Raises
    ------
    RuntimeError
        With what the run said, if it failed.
    """
    _collection(folder / "AMD")
    (folder / "changes.yaml").write_text(yaml.safe_dump(_changes(engine, folder / "AMD")))
    configs = [str(ROOT / "configs" / "paper.yaml"), str(folder / "changes.yaml")]
    out = ["--out", str(folder / "run"), "--quiet"]
    command = [sys.executable, str(ROOT / "simulate.py"), *configs, *out]
    said = folder / "said.txt"
    with said.open("w") as output:
        took = watch(command, output)
    if took.code:
        raise RuntimeError(said.read_text())
    return Row(engine, len(TRAIN), 2, took.seconds, took.peak_gib, took.load)


def _changes(engine: str, data: Path) -> dict[str, Any]:
    both = {"modalities": ["fundus", "oct"]}
    return {
        "data": {"path": str(data), "prepared": None},
        "model": {"fundus_weights": None, "oct_weights": None},
        "sites": [
            {"name": "hospital", "count": 2, "cases": ["train"], **both},
            {"name": "unseen", "role": "held_out", "cases": ["test"], **both},
        ],
        "training": {"rounds": 2, "local_epochs": 1},
        "evaluation": {"bootstrap": 0},
        "engine": {"name": engine, "workers": 2 if engine == "ray" else None},
    }


def _collection(root: Path) -> None:
    """Write eyes of noise, of four grades in turn."""
    random = np.random.default_rng(0)
    for number in (*TRAIN, *TEST):
        case = root / str(number)
        case.mkdir(parents=True)
        photograph = random.integers(40, 255, (448, 448, 3), dtype=np.uint8)
        Image.fromarray(photograph).save(case / f"data_{number}_fundus.png")
        volume = random.integers(0, 255, (96, 96, 96), dtype=np.uint8)
        nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), case / f"processed_data_{number}.nii")
    for split, numbers in (("train", TRAIN), ("test", TEST)):
        book = openpyxl.Workbook()
        book.active.append(["data", *(f"class_{k}" for k in range(4))])
        for number in numbers:
            book.active.append([number, *(int(number % 4 == k) for k in range(4))])
        book.save(root / f"{split}.xlsx")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--csv", action="store_true", help="write results/paper_scale.csv")
    arguments = parser.parse_args()
    rows: list[Row] = []
    for engine in arguments.engine:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measure(engine, Path(folder)))
        print(
            ", ".join(
                f"{k} {v:.3g}" if isinstance(v, float) else f"{k} {v}"
                for k, v in rows[-1]._asdict().items()
            ),
            flush=True,
        )
    if arguments.csv:
        machine = f"{platform.processor() or platform.machine()}, {psutil.cpu_count()} cores"
        with RESULTS.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow((*Row._fields, "date", "machine"))
            for row in rows:
                figures = [f"{v:.4g}" if isinstance(v, float) else v for v in row]
                writer.writerow((*figures, time.strftime("%Y-%m-%d"), machine))


if __name__ == "__main__":
    main()
