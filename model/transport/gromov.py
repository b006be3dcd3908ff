"""Entropic Gromov-Wasserstein with labels, a batch of problems at once, solved to its fixed point."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

NEWTON_DAMPING = 1e-12
NEWTON_MAX_STEP = 3.0
MAX_PROJECTION_STEPS = 60
LOOSEST_MARGINALS = 1e-4


@dataclass(frozen=True, slots=True)
class Potentials:
    """Dual variables divided by eps: `row` (B, n), `column` (B, m). The plan is ``exp(row + column - cost / eps)``."""

    row: Tensor
    column: Tensor

    def select(self, index: Tensor) -> Potentials:
        """Keep the problems at `index`."""
        return Potentials(self.row[index], self.column[index])


@dataclass(frozen=True, slots=True)
class Quadratic:
    """A padded batch of problems; a row or column of weight zero is no part of its problem.

    `D1` (B, n, n) and `D2` (B, m, m) are the distances, `a` (B, n) and `b` (B, m) the marginals, which
    agree in every class, `same` (B, n, m) tells where mass may go.
    """

    D1: Tensor
    D2: Tensor
    a: Tensor
    b: Tensor
    same: Tensor

    def select(self, index: Tensor) -> Quadratic:
        """Keep the problems at `index`."""
        return Quadratic(
            self.D1[index], self.D2[index], self.a[index], self.b[index], self.same[index]
        )

    def separable_cost(self) -> Tensor:
        """Return the part of the cost that the marginals alone decide, ``D1^2 a 1' + 1 (D2^2 b)'``."""
        rows = self.D1.square() @ self.a[..., None]
        columns = self.D2.square() @ self.b[..., None]
        return rows + columns.mT


@dataclass(frozen=True, slots=True)
class Solution:
    """What `solve` returns, one entry a problem: `steps` and `converged` lead the batch dimension."""

    plan: Tensor
    potentials: Potentials
    steps: Tensor
    converged: Tensor
    sweeps: tuple[int, ...]


def _sweep(scaled: Tensor, log_a: Tensor, log_b: Tensor, row: Tensor) -> Potentials:
    """One Sinkhorn sweep in the log domain: columns met first, then rows."""
    column = log_b - torch.logsumexp(row[..., None] - scaled, -2)
    return Potentials(log_a - torch.logsumexp(column[..., None, :] - scaled, -1), column)


def _plan(scaled: Tensor, potentials: Potentials) -> Tensor:
    exponent = potentials.row[..., None] - scaled
    return exponent.add_(potentials.column[..., None, :]).exp_()


def _newton_direction(plan: Tensor, a: Tensor, columns: Tensor, b: Tensor) -> Potentials:
    """Newton's step on the dual, for a plan whose row sums are `a` and column sums `columns`.

    The Hessian ``[[diag(a), T], [T', diag(columns)]]`` is reduced to the rows by its Schur complement,
    scaled to unit diagonal. It is singular (a constant may move from row to column in every class),
    which a damping far below its other eigenvalues settles. The step is shortened to stay where the
    quadratic model holds.
    """
    positive = torch.where(columns > 0, columns, 1.0)
    scale = torch.where(a > 0, a, 1.0).rsqrt()
    normalised = plan * scale[..., None] * positive.rsqrt()[..., None, :]
    gap = (b - columns) / positive
    schur = torch.baddbmm(
        torch.eye(plan.shape[-2], dtype=plan.dtype, device=plan.device) * (1 + NEWTON_DAMPING),
        normalised,
        normalised.mT,
        alpha=-1,
    )
    factor, _ = torch.linalg.cholesky_ex(schur)
    target = -(plan @ gap[..., None]) * scale[..., None]
    row = torch.cholesky_solve(target, factor)[..., 0] * scale
    column = gap - (plan.mT @ row[..., None])[..., 0] / positive
    length = torch.maximum(row.abs().amax(-1), column.abs().amax(-1))
    shorten = (NEWTON_MAX_STEP / length).clamp(max=1.0)
    shorten = torch.where(torch.isfinite(shorten), shorten, 0.0)[..., None]
    return Potentials(
        torch.nan_to_num(row * shorten, 0.0, 0.0, 0.0),
        torch.nan_to_num(column * shorten, 0.0, 0.0, 0.0),
    )


def project(
    scaled: Tensor, a: Tensor, b: Tensor, start: Potentials, tolerance: float
) -> tuple[Tensor, Potentials, int, Tensor]:
    """Entropic transport for the costs `scaled` (divided by eps): Sinkhorn sweeps and Newton steps in turn.

    Returns
    -------
    plan, potentials : the plan and its potentials; the rows are met exactly.
    sweeps : the number of sweeps.
    error : Tensor (B,), the columns' error in L1.
    """
    log_a, log_b = a.log(), b.log()
    potentials = _sweep(scaled, log_a, log_b, start.row)
    for sweeps in range(1, MAX_PROJECTION_STEPS + 1):
        plan = _plan(scaled, potentials)
        columns = plan.sum(-2)
        error = (columns - b).abs().sum(-1)
        if sweeps == MAX_PROJECTION_STEPS or bool((error <= tolerance).all()):
            break
        step = _newton_direction(plan, a, columns, b)
        potentials = _sweep(scaled, log_a, log_b, potentials.row + step.row)
    return plan, potentials, sweeps, error


def solve(
    problem: Quadratic,
    eps: float,
    *,
    tolerance: float,
    max_steps: int,
    start: tuple[Tensor, Potentials] | None = None,
) -> Solution:
    """Iterate ``T <- sinkhorn(D1^2 a 1' + 1 (D2^2 b)' - 2 D1 T D2)`` until T moves less than `tolerance` in L1.

    Parameters
    ----------
    problem : Quadratic
        The batch.
    eps : float
        Strength of the entropy, in units of the squared normalised distance.
    tolerance : float
        Bound on the L1 change of a plan over one step; the marginals are met a hundred times closer.
    max_steps : int
        Outer steps after which an unfinished problem is returned as it is, marked as not converged.
    start : (plan, potentials), optional
        Where to start, instead of from the product of the marginals without regard to labels.
    """
    separable = problem.separable_cost() / eps
    if start is None:
        start = _unlabelled_start(problem, separable, eps)
    plan, potentials = start
    absent = (problem.a == 0)[..., None] | (problem.b == 0)[..., None, :]
    separable = separable.masked_fill(~(problem.same | absent), math.inf)
    batch = len(plan)
    result = Solution(
        torch.zeros_like(plan),
        Potentials(torch.zeros_like(potentials.row), torch.zeros_like(potentials.column)),
        torch.zeros(batch, dtype=torch.long, device=plan.device),
        torch.zeros(batch, dtype=torch.bool, device=plan.device),
        (),
    )
    open_ = torch.arange(batch, device=plan.device)
    sweeps: list[int] = []
    precision = LOOSEST_MARGINALS
    for step in range(1, max_steps + 1):
        scaled = torch.baddbmm(separable, problem.D1 @ plan, problem.D2, alpha=-2 / eps)
        new_plan, potentials, count, error = project(
            scaled, problem.a, problem.b, potentials, precision
        )
        sweeps.append(count)
        change = (new_plan - plan).abs().sum((-2, -1))
        plan = new_plan
        done = (change <= tolerance) & (error <= tolerance)
        finished = int(done.sum()) if step < max_steps else len(open_)
        if finished:
            closing = done if step < max_steps else torch.ones_like(done)
            index = open_[closing]
            result.plan[index] = plan[closing]
            result.potentials.row[index] = potentials.row[closing]
            result.potentials.column[index] = potentials.column[closing]
            result.steps[index] = step
            result.converged[index] = done[closing]
            keep = (~closing).nonzero()[:, 0]
            if not len(keep):
                break
            open_, plan, separable = open_[keep], plan[keep], separable[keep]
            potentials, problem, change = (
                potentials.select(keep),
                problem.select(keep),
                change[keep],
            )
        precision = min(LOOSEST_MARGINALS, 0.01 * max(float(change.min()), tolerance))
    return replace(result, sweeps=tuple(sweeps))


def _unlabelled_start(
    problem: Quadratic, separable: Tensor, eps: float
) -> tuple[Tensor, Potentials]:
    """Return the plan that the product of the marginals leads to, labels ignored, as the release starts."""
    a, b = problem.a, problem.b
    mean1, mean2 = problem.D1 @ a[..., None], problem.D2 @ b[..., None]
    scaled = torch.baddbmm(separable, mean1, mean2.mT, alpha=-2 / eps)
    zero = Potentials(torch.zeros_like(a), torch.zeros_like(b))
    plan, potentials, _, _ = project(scaled, a, b, zero, LOOSEST_MARGINALS)
    return plan, potentials


def objective(D1: Tensor, D2: Tensor, plan: Tensor, a: Tensor, b: Tensor, eps: float) -> Tensor:
    """Return ``sum |D1_ik - D2_jl|^2 T_ij T_kl + 2 eps KL(T | a b')``, (B,).

    At a fixed point the plan is stationary, so the gradient with respect to D1 and D2 at a constant
    plan is the whole gradient (envelope theorem).
    """
    separable = Quadratic(D1, D2, a, b, plan > 0).separable_cost()
    distortion = ((separable - 2 * D1 @ plan @ D2) * plan).sum((-2, -1))
    relative = torch.xlogy(plan, plan) - torch.xlogy(plan, a[..., None] * b[..., None, :])
    return distortion + 2 * eps * relative.sum((-2, -1))
