"""Time the transport core beside POT and a loop over classes, in one table and one run.

    OMP_NUM_THREADS=1 python -m benchmarks.transport [--device cuda] [--write results/transport.csv]

Needs the extra ``dev`` (POT). Every figure is the median over problems drawn with different seeds,
on one thread, each problem solved once before it is timed. On a CPU the time that counts is the
process's own, which neighbours on the machine disturb little; the wall clock stands beside it.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import ot
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from model.transport import Problem, feature_plan, labelled_coupling, labelled_couplings
from model.transport.features import standardised

EPS = 5e-3
CLASSES = 4
# Seconds a step of the published solver takes at batch 32, as its reproduction measured them.
PUBLISHED_STEP = {(512, 2048): (3.5, 4.2), (6144, 2048): (16.0, 17.0)}


@dataclass(frozen=True)
class Timing:
    """One row of the table: what ran, by whom, its times, and the ratio to ours.

    `median_ms` and `longest_ms` are process time on a CPU and wall time on a GPU.
    """

    task: str
    solver: str
    median_ms: float
    longest_ms: float
    wall_median_ms: float
    times_ours: float


def draw_problem(n: int, dx: int, dy: int, seed: int, device: str = "cpu") -> Problem:
    """Draw two modalities of unit noise around unit-variance class centres, in float32."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(CLASSES, (n,), generator=generator)
    sides = []
    for width in (dx, dy):
        centres = torch.randn(CLASSES, width, generator=generator)
        noise = torch.randn(n, width, generator=generator)
        sides.append((centres[labels] + noise).to(device))
    labels = labels.to(device)
    return Problem(sides[0], sides[1], labels, labels)


def timed(
    solver: Callable[[Problem], object], problems: Sequence[Problem]
) -> tuple[list[float], list[float]]:
    """Return the solver's milliseconds on each problem, its own and on the wall, once warm."""
    own, wall = [], []
    for problem in problems:
        solver(problem)
        _synchronise(problem.X)
        begin_own, begin = time.process_time(), time.perf_counter()
        solver(problem)
        _synchronise(problem.X)
        wall.append(1e3 * (time.perf_counter() - begin))
        own.append(1e3 * (time.process_time() - begin_own))
    return (wall if problems[0].X.is_cuda else own), wall


def compare(
    task: str, solvers: dict[str, Callable[[Problem], object]], problems: Sequence[Problem]
) -> list[Timing]:
    """Time every solver on the same problems; the first one is ours."""
    rows: list[Timing] = []
    for name, solver in solvers.items():
        times, wall = timed(solver, problems)
        median = statistics.median(times)
        ratio = median / rows[0].median_ms if rows else 1.0
        rows.append(Timing(task, name, median, max(times), statistics.median(wall), ratio))
    return rows


def ours(problem: Problem) -> Tensor:
    """Couple with labels."""
    return labelled_coupling(*problem[:4], eps=EPS).plan


def ours_unlabelled(problem: Problem) -> Tensor:
    """Couple as if all samples were of one class, which is the problem that POT solves."""
    nothing = torch.zeros_like(problem.lx)
    return labelled_coupling(problem.X, problem.Y, nothing, nothing, eps=EPS).plan


def pot_unlabelled(problem: Problem) -> np.ndarray:
    """Couple with POT, at the tolerance of ours and with POT's own inner tolerance, in NumPy."""
    X, Y = problem.X.double().numpy(), problem.Y.double().numpy()
    D1, D2 = ot.dist(X), ot.dist(Y)
    if len(X) == 1:
        return np.ones((1, 1))
    return ot.gromov.entropic_gromov_wasserstein(
        D1 / D1.max(), D2 / D2.max(), epsilon=2 * EPS, tol=1e-6
    )


def pot_per_class(problem: Problem) -> list[np.ndarray]:
    """Couple every class alone with POT, which loses the distances across classes."""
    plans = []
    for label in problem.lx.unique():
        mine = problem.lx == label
        plans.append(pot_unlabelled(problem._replace(X=problem.X[mine], Y=problem.Y[mine])))
    return plans


def step(problem: Problem) -> Tensor:
    """Solve both directions, each on its own, and one feature plan: what a training step needs."""
    X, Y, lx, ly = problem[:4]
    forth, _ = labelled_couplings([problem, Problem(Y, X, ly, lx)], eps=EPS)
    return feature_plan(X, Y, forth.plan, eps=EPS).plan


def pot_features(problem: Problem) -> np.ndarray:
    """Match the features by ``ot.sinkhorn``, in float64: its kernel underflows in float32."""
    X, Y = problem.X.double(), problem.Y.double()
    uniform = torch.full((len(X),), 1 / len(X)).double()
    X, Y = standardised(X, uniform).numpy(), standardised(Y, uniform).numpy()
    M = (X**2).mean(0)[:, None] + (Y**2).mean(0)[None] - 2 * X.T @ Y / len(X)
    return ot.sinkhorn([], [], M / M.max(), EPS, stopThr=1e-6, numItermax=10000)


def our_features(problem: Problem, dtype: torch.dtype = torch.float32) -> Tensor:
    """Match the features of paired samples."""
    identity = torch.eye(len(problem.X), device=problem.X.device)
    return feature_plan(problem.X.to(dtype), problem.Y.to(dtype), identity, eps=EPS).plan


def measure(device: str, repeats: int) -> list[Timing]:
    """Run everything; POT takes part on the CPU only."""
    draw = partial(draw_problem, device=device)
    on_cpu = device == "cpu"
    rows: list[Timing] = []
    for n, dx, dy in ((16, 64, 64), (32, 64, 64), (64, 64, 64)):
        problems = [draw(n, dx, dy, seed) for seed in range(repeats)]
        rows += compare(f"coupling {n}, features {dx} and {dy}", {"this project": ours}, problems)
    problems = [draw(32, 512, 2048, seed) for seed in range(repeats)]
    solvers = {"this project": ours, "this project, without labels": ours_unlabelled}
    if on_cpu:
        solvers |= {"POT, without labels": pot_unlabelled, "POT, loop over classes": pot_per_class}
    rows += compare("coupling 32, features 512 and 2048", solvers, problems)
    features: dict[str, Callable[[Problem], object]] = {
        "this project, float32": our_features,
        "this project, float64": partial(our_features, dtype=torch.float64),
    }
    if on_cpu:
        features["POT sinkhorn, float64"] = pot_features
    rows += compare("feature plan 512 x 2048", features, problems)
    rows += compare("step 512 x 2048", {"this project": step}, problems)
    large = [draw(32, 6144, 2048, seed) for seed in range(max(3, repeats // 3))]
    rows += compare("step 6144 x 2048", {"this project": step}, large)
    many = [draw(32, 64, 64, seed) for seed in range(64)]
    batches = {
        "this project, one batch": lambda _: labelled_couplings(many, eps=EPS),
        "this project, 64 calls": lambda _: [ours(problem) for problem in many],
    }
    return rows + compare("64 couplings 32, features 64 and 64", batches, many[:3])


def memory_in_plans() -> float:
    """Return how far a feature plan 6144 x 2048 raises the peak memory, in units of that plan."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_peak_in_plans).result()


def _peak_in_plans() -> float:
    torch.set_num_threads(1)
    our_features(draw_problem(32, 256, 256, 0))
    problem = draw_problem(32, 6144, 2048, 0)
    before = _peak_bytes()
    plan = our_features(problem)
    return (_peak_bytes() - before) / (plan.numel() * plan.element_size())


def _peak_bytes() -> int:
    # Not getrusage, whose peak a child process inherits from its parent.
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def _synchronise(tensor: Tensor) -> None:
    if tensor.is_cuda:
        torch.cuda.synchronize()


def _print(rows: Sequence[Timing], device: str) -> None:
    machine = torch.cuda.get_device_name() if device == "cuda" else platform.processor()
    console = Console(width=120)
    table = Table(title=f"Transport, {machine or platform.machine()}, {time.strftime('%Y-%m-%d')}")
    for column in ("task", "solver"):
        table.add_column(column, no_wrap=True)
    for column in ("median ms", "longest ms", "wall ms", "times ours"):
        table.add_column(column, justify="right")
    task = ""
    for row in rows:
        shown = "" if row.task == task else row.task
        times = (row.median_ms, row.longest_ms, row.wall_median_ms)
        table.add_row(shown, row.solver, *map("{:.2f}".format, times), f"{row.times_ours:.1f}")
        task = row.task
    console.print(table)
    for (dx, dy), (low, high) in PUBLISHED_STEP.items():
        median = next(row.median_ms for row in rows if row.task == f"step {dx} x {dy}") / 1e3
        console.print(
            f"published solver, step {dx} x {dy}: {low} to {high} s as its reproduction measured,"
            f" not in this run: {low / median:.0f} to {high / median:.0f} times ours"
        )


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--repeats", type=int, default=15, help="problems a task is timed on")
    parser.add_argument("--write", type=Path, help="also write the table to this CSV file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if os.environ.get("OMP_NUM_THREADS") != "1":
        parser.error("set OMP_NUM_THREADS=1, so that POT too runs on one thread")
    warnings.filterwarnings("ignore", module="ot")
    rows = measure(options.device, options.repeats)
    _print(rows, options.device)
    if options.device == "cpu":
        print(f"feature plan 6144 x 2048: peak memory {memory_in_plans():.2f} plans")
    if options.write:
        options.write.parent.mkdir(parents=True, exist_ok=True)
        with options.write.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(Timing.__dataclass_fields__)
            writer.writerows(
                [round(v, 3) if isinstance(v, float) else v for v in astuple(r)] for r in rows
            )


if __name__ == "__main__":
    main()
