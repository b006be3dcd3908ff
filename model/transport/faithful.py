"""The published solver, defects included: the reference that the golden files were made with.

It exists to be compared against. It is written the way the release works (log domain, cold start at
every outer step, a check after every ten sweeps) and is therefore slow; `corrected` is what the
project trains with.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

SWEEPS_PER_CHECK = 10
MAX_SWEEPS = 2000
MARGINAL_TOLERANCE = 1e-3
MIN_OUTER_STEPS = 5
MAX_OUTER_STEPS = 2000


class Projection(NamedTuple):
    """The plan of one Sinkhorn solve, its dual value, its sweeps, and whether it converged."""

    plan: Tensor
    dual: float
    sweeps: int
    converged: bool


class FaithfulCoupling(NamedTuple):
    """The plan, the last dual value, the sweeps of every outer step, and whether it converged."""

    plan: Tensor
    dual: float
    sweeps: tuple[int, ...]
    converged: bool


def _finite_logsumexp(scores: Tensor, dim: int) -> Tensor:
    value = torch.logsumexp(scores, dim)
    return torch.where(torch.isfinite(value), value, 0.0)


def sinkhorn(cost: Tensor, eps: float) -> Projection:
    """Entropic transport between uniform marginals, in the log domain, the column potential first.

    Parameters
    ----------
    cost : Tensor (n, m)
        May hold ``+inf`` where no mass may go.
    eps : float
        Strength of the entropy, in units of `cost`.
    """
    n, m = cost.shape
    log_a, log_b = -math.log(n), -math.log(m)
    scaled = cost / eps
    f, g = cost.new_zeros(n), cost.new_zeros(m)
    converged = False
    for sweep in range(1, MAX_SWEEPS + 1):
        g = log_b - _finite_logsumexp(f[:, None] - scaled, 0)
        f = log_a - _finite_logsumexp(g[None, :] - scaled, 1)
        if sweep % SWEEPS_PER_CHECK == 0:
            columns = torch.exp(f[:, None] + g[None, :] - scaled).sum(0)
            error = float((columns - 1 / m).abs().sum())
            converged = error < MARGINAL_TOLERANCE
            if converged or not math.isfinite(error):
                break
    plan = torch.exp(f[:, None] + g[None, :] - scaled)
    dual = (f - log_a).sum() / n + (g - log_b).sum() / m + 1 - plan.sum()
    return Projection(plan, eps * float(dual), sweep, converged)


def labelled_gromov(
    D1: Tensor, D2: Tensor, same: Tensor, classes: int, eps: float
) -> FaithfulCoupling:
    """Run the outer loop of the released labelled Gromov-Wasserstein solver.

    Parameters
    ----------
    D1, D2 : Tensor (n, n), (m, m)
        Distances within each modality, each divided by its maximum.
    same : Tensor (n, m) of bool
        Where the labels agree.
    classes : int
        The factor the release multiplies the first two terms of the cost with. It leaves the fixed
        point alone and makes the stopping test fire early.
    eps : float
        Strength of the entropy.
    """
    squares1, squares2 = D1.square(), D2.square()
    spread1, spread2 = squares1.mean(1), squares2.mean(1)
    start = spread1[:, None] + spread2[None, :] - 2 * torch.outer(D1.mean(1), D2.mean(1))
    plan = sinkhorn(start, eps).plan
    mask = torch.zeros_like(plan).masked_fill(~same, math.inf)
    duals: list[float] = []
    sweeps: list[int] = []
    converged = False
    mass = float(plan.sum())
    while len(duals) < MAX_OUTER_STEPS and not converged:
        cost = classes * (squares1 @ plan.sum(1))[:, None] + classes * (squares2 @ plan.sum(0))
        cost = cost - 2 * (D1 @ plan @ D2)
        previous_mass = float(plan.sum())
        solved = sinkhorn(cost + mask, eps)
        plan, mass = solved.plan, previous_mass
        duals.append(solved.dual)
        sweeps.append(solved.sweeps)
        if len(duals) >= MIN_OUTER_STEPS:
            converged = abs(duals[-2] - duals[-1]) <= 1e-8 + 1e-3 * abs(duals[-1])
    plan = plan * math.sqrt(mass / float(plan.sum()))
    return FaithfulCoupling(plan, duals[-1], tuple(sweeps), converged and solved.converged)
