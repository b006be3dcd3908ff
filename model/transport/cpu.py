"""Couplings on a CPU, one problem after the other, each by three calls of compiled code."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from . import blocks, fused, gromov
from .coupling import Coupling, Problem
from .distances import not_finite
from .problems import assemble, no_common_label, refuse_weights, result_dtype

SMALLEST_SQUARE, LARGEST_SQUARE = 1e-200, 1e200
TINY = float(np.finfo(np.float64).tiny)


def solve(
    problems: Sequence[Problem],
    eps: float,
    *,
    tolerance: float,
    max_steps: int,
    starts: Sequence[Coupling] | None = None,
) -> list[Coupling]:
    """Solve checked problems; on several threads if torch has them and there are problems."""

    def one(k: int) -> Coupling:
        where = f" in problem {k}" if len(problems) > 1 else ""
        start = None if starts is None else starts[k]
        return _solve(problems[k], eps, tolerance, max_steps, start, where)

    threads = min(torch.get_num_threads(), len(problems))
    if threads == 1:
        return [one(k) for k in range(len(problems))]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, range(len(problems))))


def _solve(
    problem: Problem,
    eps: float,
    tolerance: float,
    max_steps: int,
    start: Coupling | None,
    where: str,
) -> Coupling:
    n, m = len(problem.X), len(problem.Y)
    row_order, column_order = np.empty(n, np.int64), np.empty(m, np.int64)
    rows, columns = np.empty(min(n, m) + 1, np.int64), np.empty(min(n, m) + 1, np.int64)
    row_mass, column_mass, left_out = np.empty(n), np.empty(m), np.empty(n + m, np.int64)
    taken_n, taken_m, classes, left = blocks.share_classes(
        problem.lx.long().numpy(),
        problem.ly.long().numpy(),
        _weights(problem.a, n, "a"),
        _weights(problem.b, m, "b"),
        row_order,
        column_order,
        rows,
        columns,
        row_mass,
        column_mass,
        left_out,
    )
    if classes == 0:
        raise no_common_label(problem, where)
    row_order, column_order = row_order[:taken_n], column_order[:taken_m]
    plan, row, column = np.empty((n, m)), np.empty(n), np.empty(m)
    if start is not None:
        plan[:] = start.plan.detach().numpy()
        row[:] = start.potentials[0].numpy()
        row[~np.isfinite(row)] = 0.0
    sweeps = np.empty(max_steps, np.int64)
    steps, converged, cost = fused.couple(
        _distances(problem.X, row_order, f"X{where}"),
        _distances(problem.Y, column_order, f"Y{where}"),
        row_mass[:taken_n],
        column_mass[:taken_m],
        rows[: classes + 1],
        columns[: classes + 1],
        row_order,
        column_order,
        plan,
        row,
        column,
        sweeps,
        eps,
        tolerance,
        start is not None,
    )
    solved = torch.from_numpy(plan)
    return Coupling(
        plan=solved.to(result_dtype(problem.X, problem.Y)),
        cost=_cost(problem, solved, eps, cost),
        outer_steps=steps,
        inner_sweeps=tuple(sweeps[:steps].tolist()),
        converged=converged,
        left_out=tuple(left_out[:left].tolist()),
        potentials=(torch.from_numpy(row), torch.from_numpy(column)),
    )


def _cost(problem: Problem, plan: Tensor, eps: float, cost: float) -> Tensor:
    """Return the cost, with its gradient where a feature asks for one."""
    if not (problem.X.requires_grad or problem.Y.requires_grad):
        return torch.tensor(cost, dtype=torch.float64)
    quadratic = gromov.Quadratic.of(assemble([problem]))
    return gromov.objective(quadratic, plan[None], eps)[0]


def _weights(weights: Tensor | None, size: int, name: str) -> np.ndarray:
    if weights is None:
        return np.ones(size)
    refuse_weights(weights, name)
    return weights.detach().double().numpy()


def _distances(features: Tensor, order: np.ndarray, name: str) -> np.ndarray:
    if features.dtype not in (torch.float32, torch.float64):
        features = features.float()
    array = np.ascontiguousarray(features.detach().numpy())
    squared = np.empty((len(order), len(order)))
    longest = blocks.distances(array, order, 1.0, squared)
    if len(order) == len(array) and SMALLEST_SQUARE < longest < LARGEST_SQUARE:
        return squared
    # Equal samples, or sizes whose squares leave the range of float64, or no numbers at all.
    size = float(np.abs(array).max())
    if not math.isfinite(size):
        raise not_finite(features, name)
    blocks.distances(array, order, 1 / max(size, TINY), squared)
    return squared
