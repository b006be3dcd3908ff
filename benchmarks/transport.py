"""Time the transport core beside the best that others offer, at one accuracy, in one table.

    python -m benchmarks.transport [--write] [--part coupling ...] [--threads 1 2] [--device cuda]
    python -m benchmarks.transport --threads 1 --first 20 --near 3 --write

Every solver is run from loose tolerances to tight ones until its plans are as near to the solution as
`ACCURACY` asks, in L1; that setting is what is timed. The solution is the one that the solver's own plan
leads to when it is iterated on to 1e-12 in float64, as a Gromov-Wasserstein problem has several; how
often that is another one than ours is in the table. Solvers are timed in turn, problem by problem, each
warm, so that a compilation is not in the time but beside it. On one thread the time that counts is the
process's own, which neighbours on the machine disturb little; on two threads and on a GPU it is the
wall clock. The whole takes hours, most of them the rivals'. `--write` leaves the rows of tasks that it
did not measure, `--first` begins later in the list, and `--near` times ours and only those rivals that
the table has within so many times the best; the rows of the others stay. `benchmarks.transport_rivals`
lists the solvers and what to install for all of them.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import platform
import signal
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import torch
from pydantic import TypeAdapter
from rich.console import Console
from rich.table import Table as Printed
from torch import Tensor

from model.transport import Coupling, Problem, feature_plan, labelled_coupling, labelled_couplings

from . import transport_rivals as rivals

RESULTS = Path(__file__).parents[1] / "results" / "transport.csv"
EPS = 5e-3
CLASSES = 4
# The largest L1 distance to the solution: what a site draws partners from, and what is the default.
ACCURACY = {"sites": 1e-4, "default": 1e-6}
EXACT = 1e-12
SAME_POINT = 1e-2
SHORTEST_S = 0.1
SHORTEST_READING_S = 0.01
MOST_READINGS = 9
COMPILING_S = 60.0
# Seconds a step of the published solver takes at batch 32, as its reproduction measured them.
PUBLISHED_STEP = {(512, 2048): (3.5, 4.2), (6144, 2048): (16.0, 17.0)}


class Task(NamedTuple):
    """What is solved: `batch` problems of `n` samples a side, or the features of one."""

    part: str
    n: int = 32
    classes: int = CLASSES
    eps: float = EPS
    dx: int = 64
    dy: int = 64
    batch: int = 1
    accuracy: float = ACCURACY["sites"]

    def __str__(self) -> str:
        classes = "no labels" if self.classes == 1 else f"{self.classes} classes"
        many = f"{self.batch} x " if self.batch > 1 else ""
        of = f"{many}n {self.n}, {classes}, " if self.part != "features" else ""
        return f"{self.part}: {of}eps {self.eps:g}, {self.dx} x {self.dy}, L1 {self.accuracy:g}"


@dataclass(frozen=True)
class Timing:
    """One row of the table.

    `tolerance` and `l1` are the setting and the largest distance to the solution, `elsewhere` the share
    of problems whose solution is another than ours, `first_ms` the first call with its compilation.
    `best_rival` is this time over the best rival's, so that ours is below 1 where we lead; it is
    empty where a solver did not reach the accuracy, in time, or solves another problem.
    """

    part: str
    n: int
    classes: int
    eps: float
    dx: int
    dy: int
    batch: int
    accuracy: float
    threads: int
    solver: str
    tolerance: float
    l1: float
    elsewhere: float
    first_ms: float
    own_ms: float | None = None
    wall_ms: float | None = None
    best_rival: float | None = None
    remark: str = ""

    def key(self) -> tuple[Task, int]:
        """Return the task and the threads."""
        return Task(*(getattr(self, name) for name in Task._fields)), self.threads

    def beaten(self, near: float) -> bool:
        """Whether this is a rival that the best is more than `near` times ahead of, or out of it."""
        behind = self.best_rival is None or self.best_rival > near
        return behind and "this project" not in self.solver


Table = dict[tuple[Task, int], list[Timing]]


def tasks(parts: Sequence[str], threads: int) -> list[Task]:
    """Return the grid: one axis at a time around 32 samples of 4 classes, and the far corners."""
    coupling = [Task("coupling", n) for n in (16, 32, 64, 128, 256, 512)]
    features = [
        Task("features", 32, dx=dx, dy=dy, accuracy=accuracy)
        for dx, dy in ((64, 64), (64, 2048), (512, 2048))
        for accuracy in (1e-3, 1e-5)
    ]
    largest = [
        Task("features", 32, dx=6144, dy=2048, accuracy=accuracy) for accuracy in (1e-3, 1e-5)
    ]
    if threads > 1:  # What a second thread can speed up.
        batch = [Task("coupling", 32, batch=64)]
        chosen = [*coupling[3:], *batch, *features[4:], *largest]
        return [task for task in chosen if task.part in parts]
    coupling += [
        *(Task("coupling", 128, classes) for classes in (2, 8, 16, 32)),
        *(Task("coupling", n, eps=eps) for eps in (1e-3, 5e-2) for n in (16, 32, 128)),
        *(Task("coupling", 32, dx=dx, dy=dy) for dx, dy in ((512, 2048), (2048, 6144))),
        *(Task("coupling", n, 1) for n in (32, 128)),
        *(Task("coupling", 32, eps=eps, accuracy=ACCURACY["default"]) for eps in (1e-3, EPS, 5e-2)),
        Task("coupling", 16, 2),
        Task("coupling", 512, 2, eps=5e-2),
        Task("coupling", 512, 32, eps=1e-3),
        *(Task("coupling", n, eps=eps, batch=64) for n in (16, 32) for eps in (EPS, 5e-2)),
    ]
    features += [
        Task("features", 32, eps=eps, dx=512, dy=2048, accuracy=1e-3) for eps in (1e-3, 5e-2)
    ]
    steps = [Task("step", 32, dx=dx, dy=dy) for dx, dy in PUBLISHED_STEP]
    return [task for task in (*coupling, *features, *steps, *largest) if task.part in parts]


def draw_problem(
    n: int, dx: int, dy: int, seed: int, device: str = "cpu", classes: int = CLASSES
) -> Problem:
    """Draw two modalities of unit noise around unit-variance class centres, in float32."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(classes, (n,), generator=generator)
    sides = []
    for width in (dx, dy):
        centres = torch.randn(classes, width, generator=generator)
        noise = torch.randn(n, width, generator=generator)
        sides.append((centres[labels] + noise).to(device))
    labels = labels.to(device)
    return Problem(sides[0], sides[1], labels, labels)


def step(problems: Sequence[Problem], eps: float, tolerance: float) -> list[Tensor]:
    """Solve both directions, each on its own, and one feature plan: what a step of RIMA needs."""
    plans = []
    for problem in problems:
        X, Y, lx, ly = problem[:4]
        both = [problem, Problem(Y, X, ly, lx)]
        forth, _ = labelled_couplings(both, eps=eps, tolerance=tolerance)
        plans.append(feature_plan(X, Y, forth.plan, eps=eps).plan)
    return plans


def measure(
    task: Task,
    threads: int,
    device: str,
    seeds: int,
    limit_s: float,
    beaten: Sequence[Timing] = (),
) -> list[Timing]:
    """Time the solvers of a task at the accuracy that it asks for, but those that are `beaten`."""
    if task.n >= 256 or task.batch > 1:
        seeds = min(seeds, 3)
    sets = [
        [
            draw_problem(task.n, task.dx, task.dy, 64 * seed + k, device, task.classes)
            for k in range(task.batch)
        ]
        for seed in range(seeds)
    ]
    solvers = [s for s in _solvers(task, device) if s.name not in {row.solver for row in beaten}]
    solutions = {} if task.part == "step" else {id(s): _solutions(task, s) for s in sets}
    rows = {s.name: _tuned(task, threads, s, sets, solutions, limit_s) for s in solvers}
    running = [s for s in solvers if not rows[s.name].remark or not s.same_problem]
    running = [s for s in running if "longer" not in rows[s.name].remark]
    times: dict[str, list[tuple[float, float]]] = {s.name: [] for s in running}
    for problems in sets:
        for solver in running:
            times[solver.name].append(_timed(solver, task, problems, rows[solver.name].tolerance))
    for name, measured in times.items():
        own, wall = (statistics.median(column) for column in zip(*measured, strict=True))
        rows[name] = replace(rows[name], own_ms=own, wall_ms=wall)
    measured = _beside_the_best(list(rows.values()), by_wall=threads > 1 or device != "cpu")
    return [*measured, *beaten]


def _solvers(task: Task, device: str) -> list[rivals.Solver]:
    if task.part == "step":
        return [rivals.Solver("this project", step, (1e-4,), compiled=True)]
    if task.part == "features":
        solvers = rivals.features()
    else:
        solvers = rivals.couplings(labelled=task.classes > 1, batch=task.batch > 1)
    return [s for s in solvers if device == "cpu" or s.name.startswith("this project")]


def _solutions(task: Task, problems: Sequence[Problem]) -> list[Tensor]:
    doubles = [_double(problem) for problem in problems]
    if task.part == "features":
        return [_exact_features(problem, task.eps) for problem in doubles]
    solved = labelled_couplings(doubles, eps=task.eps, tolerance=EXACT, max_steps=5000)
    return [coupling.plan for coupling in solved]


def _exact_features(problem: Problem, eps: float) -> Tensor:
    identity = torch.eye(len(problem.X), dtype=torch.float64, device=problem.X.device)
    return feature_plan(
        problem.X, problem.Y, identity, eps=eps, tolerance=EXACT, max_sweeps=100_000
    ).plan


def _double(problem: Problem) -> Problem:
    return problem._replace(X=problem.X.double(), Y=problem.Y.double())


def _tuned(
    task: Task,
    threads: int,
    solver: rivals.Solver,
    sets: Sequence[Sequence[Problem]],
    solutions: dict[int, list[Tensor]],
    limit_s: float,
) -> Timing:
    """Return the row of a solver at the first of its tolerances that reaches the accuracy."""
    keys = task._asdict()
    first_ms, reached = 0.0, None
    for tolerance in solver.tolerances:
        errors, others = [], 0
        try:
            for problems in sets:
                begin = time.perf_counter()
                with _time_limit(limit_s + COMPILING_S * solver.compiled):
                    plans = solver.solve(problems, task.eps, tolerance)
                first_ms = first_ms or 1e3 * (time.perf_counter() - begin)
                if task.part == "step":
                    errors.append(0.0)
                    continue
                for found in zip(problems, plans, solutions[id(problems)], strict=True):
                    error, other = _distance(task, *found)
                    errors.append(error)
                    others += other
        except TimeoutError:
            remark = f"longer than {limit_s:g} s at {tolerance:g}"
            worst = reached.l1 if reached else float("nan")
            return Timing(
                **keys, threads=threads, solver=solver.name, tolerance=tolerance, l1=worst,
                elsewhere=float("nan"), first_ms=first_ms, remark=remark,
            )  # fmt: skip
        reached = Timing(
            **keys, threads=threads, solver=solver.name, tolerance=tolerance, l1=max(errors),
            elsewhere=others / len(errors), first_ms=first_ms,
        )  # fmt: skip
        if reached.l1 <= task.accuracy:
            return reached
    remark = "does not reach it" if solver.same_problem else "another problem"
    return replace(reached, remark=remark)


def _distance(task: Task, problem: Problem, plan: object, solution: Tensor) -> tuple[float, bool]:
    """Return the L1 distance to the solution a plan leads to, and whether that is not ours."""
    plan = rivals.as_tensor(plan)
    away = float((plan - solution.cpu()).abs().sum())
    if task.part == "features" or not away > SAME_POINT:
        return away, False
    if not bool(torch.isfinite(plan).all()):
        return float("inf"), True
    start = Coupling(
        plan, plan.sum(), 0, (), True, (), (torch.zeros(len(plan)), torch.zeros(plan.shape[1]))
    )
    exact = labelled_coupling(
        *_double(problem)[:4], eps=task.eps, tolerance=EXACT, max_steps=5000, start=start
    )
    nearest = float((plan - exact.plan).abs().sum())
    return (nearest, True) if nearest < away else (away, False)


def _timed(
    solver: rivals.Solver, task: Task, problems: Sequence[Problem], tolerance: float
) -> tuple[float, float]:
    """Return a solver's milliseconds, its own and on the wall: the medians of a few calls."""
    own, wall = [], []
    calls, total = 1, 0.0
    while (len(wall) < MOST_READINGS and total < SHORTEST_S) or not wall:
        begin_own, begin = time.process_time(), time.perf_counter()
        for _ in range(calls):
            solver.solve(problems, task.eps, tolerance)
        _synchronise(problems[0].X)
        taken = time.perf_counter() - begin
        total += taken
        wall.append(1e3 * taken / calls)
        own.append(1e3 * (time.process_time() - begin_own) / calls)
        if taken < SHORTEST_READING_S:  # The clock of a process may be too coarse for it.
            calls = math.ceil(calls * 2 * SHORTEST_READING_S / taken)
            own, wall = [], []
    return statistics.median(own), statistics.median(wall)


def _beside_the_best(rows: list[Timing], by_wall: bool) -> list[Timing]:
    def cost(row: Timing) -> float | None:
        return row.wall_ms if by_wall else row.own_ms

    others = [r for r in rows if "this project" not in r.solver and not r.remark]
    best = min((cost(row) for row in others), default=None)
    if best is None:
        return rows
    return [replace(r, best_rival=None if r.remark else cost(r) / best) for r in rows]


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise where the block takes more of the process's time, wherever it is."""

    def stop(*_: object) -> None:
        raise TimeoutError

    previous = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)


def memory_in_plans() -> float:
    """Return how far a feature plan 6144 x 2048 raises the peak memory, in units of that plan."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_peak_in_plans).result()


def _peak_in_plans() -> float:
    torch.set_num_threads(1)
    rivals.our_features([draw_problem(32, 256, 256, 0)], EPS, 1e-6)
    problem = draw_problem(32, 6144, 2048, 0)
    before = _peak_bytes()
    plan = rivals.our_features([problem], EPS, 1e-6)[0]
    return (_peak_bytes() - before) / (plan.numel() * plan.element_size())


def _peak_bytes() -> int:
    # Not getrusage, whose peak a child process inherits from its parent.
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def _synchronise(tensor: Tensor) -> None:
    if tensor.is_cuda:
        torch.cuda.synchronize()


def in_a_process(
    threads: int, chosen: Sequence[tuple[Task, Sequence[Timing]]], options: argparse.Namespace
) -> Iterator[list[Timing]]:
    """Yield the rows of each task, from a process whose libraries all find `threads` cores."""
    cores = sorted(os.sched_getaffinity(0))
    os.environ |= {
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
        "XLA_FLAGS": f"--xla_cpu_multi_thread_eigen={str(threads > 1).lower()}",
        "PYTHONWARNINGS": "ignore",
    }
    os.sched_setaffinity(0, cores[:threads])
    try:
        with ProcessPoolExecutor(
            1, get_context("spawn"), torch.set_num_threads, (threads,)
        ) as pool:
            for task, beaten in chosen:
                begin = time.perf_counter()
                arguments = (threads, options.device, options.seeds, options.limit, beaten)
                yield pool.submit(measure, task, *arguments).result()
                took = time.perf_counter() - begin
                print(f"{threads} thread, {task}: {took:.0f} s", file=sys.stderr, flush=True)
    finally:
        os.sched_setaffinity(0, cores)


def read() -> Table:
    """Read the table, the rows of each task by the task and its threads."""
    table: Table = {}
    if RESULTS.exists():
        with RESULTS.open(newline="") as file:
            # An empty cell is a default.
            held = [{k: v for k, v in row.items() if v} for row in csv.DictReader(file)]
        for row in TypeAdapter(list[Timing]).validate_python(held):
            table.setdefault(row.key(), []).append(row)
    return table


def write(table: Table) -> None:
    """Write the table."""
    with RESULTS.open("w", newline="") as file:
        writer = csv.DictWriter(file, [f.name for f in fields(Timing)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in asdict(row).items()}
            for rows in table.values()
            for row in rows
        )


def _print(rows: Sequence[Timing], device: str) -> None:
    machine = torch.cuda.get_device_name() if device == "cuda" else platform.processor()
    table = Printed(
        title=f"Transport, {machine or platform.machine()}, {time.strftime('%Y-%m-%d')}"
    )
    for column in ("task", "solver"):
        table.add_column(column, no_wrap=True)
    for column in ("L1", "elsewhere", "own ms", "wall ms", "first ms", "over best rival"):
        table.add_column(column, justify="right")
    shown = None
    for row in rows:
        task = f"{row.key()[0]}, {row.threads} thread"
        cells = (f"{row.l1:.1e}", f"{row.elsewhere:.0%}", _ms(row.own_ms), _ms(row.wall_ms))
        ratio = row.remark or ("" if row.best_rival is None else f"{row.best_rival:.2f}")
        table.add_row("" if task == shown else task, row.solver, *cells, _ms(row.first_ms), ratio)
        shown = task
    Console(width=180).print(table)


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--part", nargs="+", default=["coupling", "features", "step"])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--first", type=int, default=0, help="tasks of the list to leave out")
    parser.add_argument("--near", type=float, default=math.inf, help="times the best rival")
    parser.add_argument("--seeds", type=int, default=5, help="problems a task is timed on")
    parser.add_argument("--limit", type=float, default=10.0, help="CPU seconds a call may take")
    parser.add_argument("--write", action="store_true", help=f"write results/{RESULTS.name}")
    options = parser.parse_args()
    for name in rivals.absent():
        print(f"{name} is not installed and takes no part: pip install {name}", file=sys.stderr)
    threads = options.threads if options.device == "cpu" else options.threads[:1]
    table, rows = read(), []
    for count in threads:
        chosen = [
            (task, [row for row in table.get((task, count), []) if row.beaten(options.near)])
            for task in tasks(options.part, count)[options.first :]
        ]
        for measured in in_a_process(count, chosen, options):
            rows += measured
            table[measured[0].key()] = measured
            if options.write:  # As it goes.
                write(table)
    _print(rows, options.device)
    for (dx, dy), (low, high) in PUBLISHED_STEP.items():
        for row in rows:
            if (row.part, row.dx, row.dy) == ("step", dx, dy):
                print(
                    f"published solver, step {dx} x {dy}: {low} to {high} s as its reproduction"
                    f" measured, not in this run: {1e3 * low / row.own_ms:.0f} to"
                    f" {1e3 * high / row.own_ms:.0f} times ours"
                )
    if options.device == "cpu":
        print(f"feature plan 6144 x 2048: peak memory {memory_in_plans():.2f} plans")


if __name__ == "__main__":
    main()
