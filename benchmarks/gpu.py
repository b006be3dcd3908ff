"""What a GPU makes of it: transport, a site's round, workers that share a card, memory given back.

``python -m benchmarks.gpu [--csv] [--limit SECONDS]`` measures on the GPU that torch finds, in less
than ten minutes: parts that would begin after the limit are told as left out. ``--device cpu
--tiny`` goes the same way in a minute on a machine without one, to see that it works; its figures
say nothing. ``--csv`` writes ``results/gpu.csv``, with card and date.

Seconds are of the wall, the card idle before and after; each thing is done once before it counts.
"""

import argparse
import csv
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch

from benchmarks.training import PHASES, site_of_noise
from benchmarks.transport import EPS, draw_problem, step
from clients.site import LocalSite, forget_network
from clients.training import train
from fed.engines.ray_workers import release_gpu_memory
from fed.engines.site import one_thread
from fed.initial import initial_model
from fed.protocol import TrainTask
from model.transport import labelled_coupling, labelled_couplings

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results" / "gpu.csv"
LIMIT_S = 540.0
RUN_S = 180.0
MIB = 2**20


class Row(NamedTuple):
    """One figure."""

    part: str
    what: str
    value: float
    unit: str


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    widths: tuple[tuple[int, int], ...] = ((512, 2048), (6144, 2048))
    samples: int = 32
    batch: int = 64
    repeats: int = 7
    scales: tuple[str, ...] = ("small", "medium", "paper")
    precisions: tuple[str, ...] = ("fp32", "bf16", "fp16")
    cases: int = 32
    shares: tuple[float, ...] = (1.0, 0.5, 0.25)
    sites: int = 4


TINY = Size(
    widths=((16, 32),),
    samples=8,
    batch=2,
    repeats=1,
    scales=("small",),
    precisions=("fp32", "bf16"),
    cases=8,
    shares=(1.0, 0.5),
    sites=2,
)


def transport(device: str, size: Size) -> Iterator[Row]:
    """Time couplings, a batch of them, and all that a training step solves."""
    for widths in size.widths:
        draw = [draw_problem(size.samples, *widths, seed, device) for seed in range(size.batch)]
        name = f"n {size.samples}, features {widths[0]} and {widths[1]}"

        def one(problem: int, draw: list = draw) -> object:  # type: ignore[type-arg]
            return labelled_coupling(*draw[problem % len(draw)][:4], eps=EPS).plan

        def batch(_: int, draw: list = draw) -> object:  # type: ignore[type-arg]
            return labelled_couplings(draw, eps=EPS)

        def whole(problem: int, draw: list = draw) -> object:  # type: ignore[type-arg]
            return step([draw[problem % len(draw)]], EPS, 1e-6)

        for what, work in (("coupling", one), (f"{size.batch} at once", batch), ("step", whole)):
            seconds = _median(work, size.repeats, device)
            yield Row("transport", f"{what}, {name}", 1e3 * seconds, "ms")


def rounds(device: str, size: Size) -> Iterator[Row]:
    """Time a site's round by scale, precision and phase, and tell the most memory it takes."""
    for scale in size.scales:
        with tempfile.TemporaryDirectory() as folder:
            given = site_of_noise(scale, size.cases, Path(folder), float(device == "cuda"))
            for precision in size.precisions:
                site = _with_precision(given, precision)
                model = initial_model(site.config)
                for phase, name in enumerate(PHASES):
                    task = TrainTask(1, phase, 1e-4, model, {})
                    if device == "cuda":
                        torch.cuda.reset_peak_memory_stats()
                    seconds = _median(lambda _, s=site, t=task: train(s, t), 3, device)
                    what = f"{scale}, {name}, {precision}"
                    yield Row("round", what, size.cases / seconds, "cases a second")
                    if device == "cuda":
                        most = torch.cuda.max_memory_allocated() / MIB
                        yield Row("round memory", what, most, "MiB")
                forget_network()


def memory(device: str, size: Size) -> Iterator[Row]:
    """Tell what stays on the card after each of several sites, as a worker leaves it."""
    if device != "cuda":
        return
    scale = size.scales[-1]
    with tempfile.TemporaryDirectory() as folder:
        site = site_of_noise(scale, size.cases, Path(folder), 1.0)
        model = initial_model(site.config)
        for number in range(1, size.sites + 1):
            train(site, TrainTask(number, 0, 1e-4, model, {}))
            release_gpu_memory()
            for what, held in (
                ("allocated", torch.cuda.memory_allocated()),
                ("reserved", torch.cuda.memory_reserved()),
            ):
                yield Row("memory", f"{what} after {number} sites, {scale}", held / MIB, "MiB")
    forget_network()


def shares(device: str, size: Size) -> Iterator[Row]:
    """Time the demo's first rounds on workers that share the card."""
    for share in size.shares:
        workers = round(1 / share)
        settings = {
            "training.rounds": 2,
            "evaluation.bootstrap": 0,
            "engine.name": "ray",
            "engine.workers": workers,
            "engine.gpus_per_worker": share if device == "cuda" else 0.0,
        }
        if size is TINY:
            settings |= {f"sites.{group}.cases": 8 for group in range(4)}
            settings |= {f"sites.{group}.count": 1 for group in range(4)}
        with tempfile.TemporaryDirectory() as folder:
            command = [
                sys.executable,
                str(ROOT / "simulate.py"),
                "--quiet",
                "--out",
                f"{folder}/run",
            ]
            for key, value in settings.items():
                command += ["--set", f"{key}={value}"]
            begun = time.perf_counter()
            done = subprocess.run(
                command, cwd=ROOT, capture_output=True, text=True, timeout=RUN_S, check=False
            )
            seconds = time.perf_counter() - begun
        if done.returncode:
            raise RuntimeError(f"the run on {workers} workers failed:\n{done.stderr}")
        yield Row("shares", f"demo, 2 rounds, {workers} workers of {share:g}", seconds, "s")


PARTS = (transport, rounds, memory, shares)


def measure(device: str, size: Size, limit_s: float) -> Iterator[Row]:
    """Yield figures as they come; nothing new begins after the limit."""
    end = time.perf_counter() + limit_s
    for part in PARTS:
        rows = iter(part(device, size))
        while True:
            if time.perf_counter() > end:
                print(f"{part.__name__}: the rest is left out, since {limit_s:g} s are over")
                break
            with one_thread():
                row = next(rows, None)
            if row is None:
                break
            yield row


def _with_precision(site: LocalSite, precision: str) -> LocalSite:
    training = site.config.training.model_copy(update={"precision": precision})
    return replace(site, config=site.config.model_copy(update={"training": training}))


def _median(work: Callable[[int], object], repeats: int, device: str) -> float:
    seconds = []
    for repeat in range(1 + repeats):
        begun = time.perf_counter()
        work(repeat)
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds[1:])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--tiny", action="store_true", help="to see that it works")
    parser.add_argument("--limit", type=float, default=LIMIT_S, help="seconds (default 540)")
    parser.add_argument("--csv", action="store_true", help="write results/gpu.csv")
    arguments = parser.parse_args()
    if arguments.device == "cuda" and not torch.cuda.is_available():
        sys.exit("torch finds no GPU here; --device cpu --tiny shows that the script works")
    card = torch.cuda.get_device_name() if arguments.device == "cuda" else "CPU"
    rows = []
    for row in measure(arguments.device, TINY if arguments.tiny else Size(), arguments.limit):
        rows.append(row)
        print(f"{row.part:12} {row.what:45} {row.value:10.4g} {row.unit}", flush=True)
    if arguments.csv:
        with RESULTS.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow((*Row._fields, "date", "card"))
            day = time.strftime("%Y-%m-%d")
            writer.writerows((*row[:2], f"{row.value:.4g}", row.unit, day, card) for row in rows)


if __name__ == "__main__":
    main()
