"""What `fedrima predict` costs beside the bare network on the same images, already in memory.

Reading the files, with the checks of what is in them, is measured by itself, too.

``OMP_NUM_THREADS=1 python -m benchmarks.predict --csv``: some minutes on one core. Eyes have both images, at
the size of the model; up to 1,000 are drawn into files, and listed as often as it takes. Both ways run in turn in
one process, so that neighbours on the machine disturb both alike, and are timed by the processor's own clock.
"""

from __future__ import annotations

import argparse
import csv
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

import fedrima
from clients.answers import log_probabilities
from clients.grading import TrainedModel
from clients.grading.encoding import parted, pictures
from fed.data.phantom import draw_eye, draw_pair, draw_style
from fed.data.ungraded import read_eyes
from fed.engines.site import one_thread
from fedrima.prediction import Grading, grade
from model.rima import Batch

EYES = {"small": 10_000, "medium": 500}
IMAGES = {
    "small": {},  # the demo's: 64 pixels, 16 x 32 x 32 voxels
    "medium": {"data.image_size": 224, "data.volume_size": [32, 96, 96]},
}
DRAWN, REPEATS = 1_000, 3
TARGET = Path("results/predict.csv")
HEADS = (
    "scale",
    "eyes",
    "network_s",
    "reading_s",
    "command_s",
    "ratio",
    "ratio_low",
    "ratio_high",
    "without_reading",
    "without_reading_low",
    "without_reading_high",
)
SMALL = {"training.rounds": 2, "engine.name": "inline", "evaluation.bootstrap": 0} | {
    f"sites.{group}.{key}": value
    for group, count in enumerate((1, 2, 1, 1))
    for key, value in (("count", count), ("cases", 16))
}
"""The demo's federation, trained just enough to be a finished run with a bank."""


def main() -> None:
    """Measure both ways in turn, and print or write the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", nargs="+", choices=EYES, default=[*EYES], help="model.scale")
    parser.add_argument("--eyes", type=int, help="by default 10,000, with a medium network 500")
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--csv", action="store_true", help=f"write {TARGET}")
    asked = parser.parse_args()
    rows = [measured(scale, asked.eyes or EYES[scale], asked.repeats) for scale in asked.scale]
    if asked.csv:
        write(rows)


def measured(scale: str, eyes: int, repeats: int) -> list[str | float]:
    """Return a row of the table, and print it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = SMALL | IMAGES[scale] | {"model.scale": scale}
        run = fedrima.run("configs/demo.yaml", settings, out=folder / "run")
        parts = write_eyes(folder, run.model, eyes)
        eyes_of = read_eyes("manifest", folder / "eyes.csv", "grade").eyes
        ways: dict[str, Callable[[], object]] = {
            "network": lambda: bare(run.model, parts),
            "reading": lambda: [len(pictures(run.model, part).eyes) for part in parted(eyes_of)],
            "command": lambda: command(folder),
        }
        seconds = in_turn(ways, repeats)
    network, reading, whole = (np.array(seconds[way]) for way in ways)
    row: list[str | float] = [scale, eyes]
    row += [round(float(np.median(each)), 2) for each in (network, reading, whole)]
    for ratio in (whole / network, (whole - reading) / network):
        row += [round(float(value), 3) for value in (np.median(ratio), ratio.min(), ratio.max())]
    print(dict(zip(HEADS, row, strict=True)), flush=True)
    return row


def write_eyes(folder: Path, model: TrainedModel, number: int) -> list[Batch]:
    """Draw eyes into files that a manifest lists; return them in memory, as they are read."""
    data, random = model.config.data, np.random.default_rng(0)
    style = draw_style(1.0, "held_out", random)
    classes, drawn = len(model.classes), min(number, DRAWN)
    for at in range(drawn):
        eye = draw_eye(at % classes, classes, random)
        fundus, oct_ = draw_pair(eye, style, data.image_size, data.volume_size, random)
        np.save(folder / f"fundus-{at}.npy", fundus.transpose(1, 2, 0))
        np.save(folder / f"oct-{at}.npy", oct_)
    rows = [f"{n},fundus-{n % drawn}.npy,oct-{n % drawn}.npy\n" for n in range(number)]
    (folder / "eyes.csv").write_text("case_id,fundus,oct\n" + "".join(rows))
    eyes = read_eyes("manifest", folder / "eyes.csv", "grade").eyes[:drawn]
    parts = [pictures(model, part).batch for part in parted(eyes)]
    return parts * (number // drawn)


def bare(model: TrainedModel, parts: Sequence[Batch]) -> NDArray[np.float64]:
    """Grade batches with the network alone; return probabilities ``(n, K)``."""
    method, answers = model.config.method, []
    with torch.no_grad(), one_thread():
        for batch in parts:
            features = model.network.encode(batch)
            answers.append(log_probabilities(model.network, method, features).exp())
    return torch.cat(answers).numpy()


def command(folder: Path) -> None:
    """Grade the same eyes as `fedrima predict` does, from its arguments to its tables."""
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    grade(Grading(folder / "run", folder / "eyes.csv", out / "graded.csv"), Console(quiet=True))


def in_turn(ways: dict[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Return the processor's seconds of each way, called in turn."""
    found: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way, call in ways.items():
            begun = time.process_time()
            call()
            found[way].append(time.process_time() - begun)
    return found


def write(rows: Sequence[Sequence[str | float]]) -> None:
    """Write the table."""
    with TARGET.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*HEADS, "machine"])
        writer.writerows([*row, f"{platform.machine()}, one thread, shared"] for row in rows)
    print(TARGET)


if __name__ == "__main__":
    main()
