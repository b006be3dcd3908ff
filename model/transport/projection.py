"""Entropic optimal transport for a batch of small costs, by Newton steps between sweeps."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

NEWTON_DAMPING = 1e-12
LARGEST_STEP = 3.0
TRUSTED_SWEEPS = 12
MAX_SWEEPS = 500
# Reading an error costs nothing on a CPU. On an accelerator it waits for all the work in the queue,
# which is dearer than sweeps that turn out not to have been needed.
SWEEPS_PER_CHECK = {"cpu": 1}
SWEEPS_PER_CHECK_ELSEWHERE = 4


@dataclass(frozen=True, slots=True)
class Potentials:
    """Dual variables over eps, `row` (B, n, 1) and `column` (B, 1, m).

    The plan is ``exp(row + column - cost / eps)``.
    """

    row: Tensor
    column: Tensor

    def select(self, index: Tensor) -> Potentials:
        """Keep the problems at `index`."""
        return Potentials(self.row[index], self.column[index])


@dataclass(frozen=True, slots=True)
class Marginals:
    """Row masses `a` (B, n, 1) and column masses `b` (B, 1, m); zero for what takes no part."""

    a: Tensor
    b: Tensor

    def select(self, index: Tensor) -> Marginals:
        """Keep the problems at `index`."""
        return Marginals(self.a[index], self.b[index])


@dataclass(frozen=True, slots=True)
class Projection:
    """A plan, its potentials, the sweeps it took, and the L1 error (B,) of its columns."""

    plan: Tensor
    potentials: Potentials
    sweeps: int
    error: Tensor


def project(
    scaled: Tensor, marginals: Marginals, start: Potentials, precision: Tensor
) -> Projection:
    """Solve ``min_T <scaled, T> + KL(T)`` under the marginals.

    A sweep in the log domain never overflows and always helps; a Newton step on the dual, taken
    between two sweeps, makes the convergence quadratic, so that costs on which Sinkhorn alone needs
    tens of thousands of sweeps take about ten. Where the errors do not fall, the steps are cut
    until they do.

    Parameters
    ----------
    scaled : Tensor (B, n, m)
        Costs over eps; ``+inf`` where no mass may go.
    marginals : Marginals
        Of equal mass in every connected part of the finite costs.
    start : Potentials
        Where to start.
    precision : Tensor (B,)
        The L1 error of the columns to reach; the rows are met to rounding.
    """
    a, b = marginals.a, marginals.b
    log_a, log_b = a.log(), b.log()
    row = start.row
    radius = torch.full_like(precision, LARGEST_STEP)
    previous = torch.full_like(precision, torch.inf)
    between_checks = SWEEPS_PER_CHECK.get(scaled.device.type, SWEEPS_PER_CHECK_ELSEWHERE)
    for sweeps in range(1, MAX_SWEEPS + 1):
        top, _, mass = _stable_exp(row - scaled, -2)
        column = log_b - top - mass.log_()
        top, kernel, mass = _stable_exp(column - scaled, -1)
        plan = kernel.mul_(a / mass)
        row = log_a - top - mass.log_()
        surplus = plan.sum(-2, keepdim=True) - b
        error = surplus.abs().sum((-2, -1))
        if sweeps == MAX_SWEEPS:
            break
        if sweeps % between_checks == 0 and bool((error <= precision).all()):
            break
        if sweeps > TRUSTED_SWEEPS:
            radius = torch.where(error <= previous, 2 * radius, 0.25 * radius).clamp_(
                max=LARGEST_STEP
            )
        previous = error
        row = row + _newton_step(plan, a, surplus, b, radius)
    return Projection(plan, Potentials(row, column), sweeps, error)


def _stable_exp(exponent: Tensor, dim: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the maxima over `dim`, ``exp(exponent - maxima)`` (in place), and its sums."""
    top = exponent.amax(dim, keepdim=True)
    kernel = exponent.sub_(top).exp_()
    return top, kernel, kernel.sum(dim, keepdim=True)


def _newton_step(plan: Tensor, a: Tensor, surplus: Tensor, b: Tensor, radius: Tensor) -> Tensor:
    """Return Newton's step of the row potentials, for a plan that meets its rows `a` exactly.

    The Hessian of the dual is ``[[diag(a), T], [T', diag(c)]]`` with the column sums
    ``c = b + surplus``, and its Schur complement on the rows ``diag(a) - T diag(1/c) T'``. It is
    singular (in every class a constant may move from rows to columns), which a damping below its
    other eigenvalues settles; the right-hand side has no part in that direction. The step is cut to
    `radius` (B,), where the quadratic model can hold. The columns' step needs no computing: the
    next sweep sets them at their best for the new rows.
    """
    share = plan / (b + surplus).clamp_(min=torch.finfo(plan.dtype).tiny)
    schur = torch.bmm(share, plan.mT).neg_()
    damped = torch.where(a > 0, a * (1 + NEWTON_DAMPING), 1.0)
    schur.diagonal(dim1=-2, dim2=-1).add_(damped[..., 0])
    factor, _ = torch.linalg.cholesky_ex(schur)
    step = torch.cholesky_solve(torch.bmm(share, surplus.mT), factor)
    # A factorisation that failed leaves NaN: no step then, and the sweep goes on alone.
    limit = radius[:, None, None]
    return torch.clamp(step.nan_to_num_(0.0, 0.0, 0.0), -limit, limit)
