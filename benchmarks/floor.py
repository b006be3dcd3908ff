"""What a run costs beside its encoders alone: ``python -m benchmarks.floor [--times N] [--csv]``.

The run is the demo in one process on one thread. The floor is what cannot be left out of it: every
pass of an encoder, forward and backward, on as many images at a time, and a step of the optimiser
after each backward pass; the images are there, and nothing else is done. Each has a process of its
own, in turn, and the processor's seconds are counted: of the run all, from the start of Python to
the report; of the floor the passes. The same run on the engine that ``auto`` chooses follows, for
its time on the wall. Runs must give the same bytes.

What takes seconds of the run beside the passes is told by part: ``start``, until the first images
are there to be drawn; ``images``, drawing or reading them; ``augmentation``; ``losses``, their
forward passes, of them ``transport``; ``results``, metrics with their intervals; ``report``.
``training`` is all that sites do in rounds of training, passes included.
"""

import argparse
import csv
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

CONFIG = "configs/demo.yaml"
RESULTS = Path(__file__).parents[1] / "results" / "floor.csv"


class Row(NamedTuple):
    """All three in turn: seconds of the processor, and on the wall where they are called so."""

    floor_cpu: float
    inline_cpu: float
    ratio: float
    start: float
    images: float
    augmentation: float
    losses: float
    transport: float
    training: float
    results: float
    report: float
    inline_wall: float
    auto_wall: float
    model: str


def measure(folder: Path) -> Row:
    """Run the demo inline, its passes alone, and the demo on the engine of ``auto``."""
    passes, inline, auto = folder / "passes.json", folder / "inline", folder / "auto"
    run = [CONFIG, "--quiet", "--out"]
    program = ["benchmarks.floor_run", "record", str(passes)]
    inline_cpu, inline_wall, _ = _timed(*program, *run, str(inline), "--engine", "inline")
    _, _, floor = _timed("benchmarks.floor_run", "replay", str(passes), CONFIG)
    _, auto_wall, _ = _timed("simulate", *run, str(auto), "--engine", "auto")
    model, again = (
        hashlib.sha256((out / "model.safetensors").read_bytes()).hexdigest()
        for out in (inline, auto)
    )
    if model != again:
        raise RuntimeError(f"the engines give other bytes: {model} inline, {again} with auto")
    ratio = inline_cpu / float(floor)
    parts = json.loads(passes.read_text())["seconds"]
    return Row(
        float(floor),
        inline_cpu,
        ratio,
        **parts,
        inline_wall=inline_wall,
        auto_wall=auto_wall,
        model=model[:8],
    )


def _timed(*module: str) -> tuple[float, float, str]:
    """Run a module of Python; return seconds of the processor and on the wall, and its last line."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", *module],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, wall, done.stdout.splitlines()[-1]


def main() -> None:
    """Measure, and print or write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=1, help="how often all three run in turn")
    parser.add_argument("--csv", action="store_true", help="write results/floor.csv")
    asked = parser.parse_args()
    rows = []
    for _ in range(asked.times):
        with tempfile.TemporaryDirectory() as folder:
            row = measure(Path(folder))
        rows.append([f"{v:.4g}" if isinstance(v, float) else v for v in row])
        print(dict(zip(Row._fields, rows[-1], strict=True)), flush=True)
    if asked.csv:
        with RESULTS.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([Row._fields, *rows])


if __name__ == "__main__":
    main()
