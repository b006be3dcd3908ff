"""Entropic Gromov-Wasserstein with labels, a batch of problems at once, to its fixed point.

Written for an accelerator, in operations on the whole batch. A CPU has `fused`, the same iteration.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .anderson import Anderson
from .problems import PaddedProblems
from .projection import Marginals, Potentials, project

LOOSEST_PRECISION = 1e-4
PRECISION_PER_CHANGE = 0.1
TRUSTED_CHANGE = 1e-3
TRUSTED_DECREASES = 3


@dataclass(frozen=True, slots=True)
class Quadratic:
    """A padded batch of problems; a row or column of weight zero is no part of its problem.

    `D1` (B, n, n) and `D2` (B, m, m) are the distances, `marginals` agree in every class, and
    `same` (B, n, m) tells where mass may go.
    """

    D1: Tensor
    D2: Tensor
    marginals: Marginals
    same: Tensor

    @classmethod
    def of(cls, batch: PaddedProblems) -> Quadratic:
        """Take what is solved from a checked batch."""
        marginals = Marginals(batch.a[..., None], batch.b[:, None])
        return cls(batch.D1, batch.D2, marginals, batch.same)

    def select(self, index: Tensor) -> Quadratic:
        """Keep the problems at `index`."""
        marginals = self.marginals.select(index)
        return Quadratic(self.D1[index], self.D2[index], marginals, self.same[index])

    def separable_cost(self) -> Tensor:
        """Return the part of the cost that the marginals decide, ``D1^2 a 1' + 1 (D2^2 b)'``."""
        return self.D1.square() @ self.marginals.a + self.marginals.b @ self.D2.square()


@dataclass(frozen=True, slots=True)
class Solution:
    """What `solve` returns: one entry a problem, in `sweeps` the sweeps of its outer steps."""

    plan: Tensor
    potentials: Potentials
    steps: Tensor
    converged: Tensor
    sweeps: tuple[tuple[int, ...], ...]


def solve(
    problem: Quadratic,
    eps: float,
    *,
    tolerance: float,
    max_steps: int,
    start: tuple[Tensor, Potentials] | None = None,
) -> Solution:
    """Iterate ``T <- project(D1^2 a 1' + 1 (D2^2 b)' - 2 D1 T D2)`` until T stands still.

    Parameters
    ----------
    problem : Quadratic
        The batch.
    eps : float
        Strength of the entropy, in units of the squared normalised distance.
    tolerance : float
        Bound on the L1 change of a plan over one step, and on the error of its marginals.
    max_steps : int
        Outer steps after which an unfinished problem is returned as it is, marked as not converged.
    start : (plan, potentials), optional
        Where to start, instead of from the product of the marginals without regard to labels.
    """
    separable = problem.separable_cost() / eps
    plan, potentials = start or _unlabelled_start(problem, separable, eps)
    present = (problem.marginals.a > 0) & (problem.marginals.b > 0)
    separable = separable.masked_fill(present & ~problem.same, math.inf)
    batch = len(plan)
    result = Solution(
        torch.zeros_like(plan),
        Potentials(torch.zeros_like(potentials.row), torch.zeros_like(potentials.column)),
        torch.full((batch,), max_steps, device=plan.device),
        torch.zeros(batch, dtype=torch.bool, device=plan.device),
        (),
    )
    acceleration = _CautiousAnderson(batch, plan[0].numel(), plan)
    unfinished = torch.arange(batch, device=plan.device)
    precision = plan.new_full((batch,), min(LOOSEST_PRECISION, tolerance))
    sweeps: list[int] = []
    for step in range(1, max_steps + 1):
        scaled = torch.baddbmm(separable, torch.bmm(problem.D1, plan), problem.D2, alpha=-2 / eps)
        solved = project(scaled, problem.marginals, potentials, precision)
        sweeps.append(solved.sweeps)
        potentials = solved.potentials
        residual = solved.plan - plan
        change = residual.abs().sum((-2, -1))
        done = (change <= tolerance) & (solved.error <= tolerance)
        last = step == max_steps
        if last or bool(done.any()):
            leaving = torch.ones_like(done) if last else done
            index = unfinished[leaving]
            result.plan[index] = solved.plan[leaving]
            result.potentials.row[index] = potentials.row[leaving]
            result.potentials.column[index] = potentials.column[leaving]
            result.steps[index] = step
            result.converged[index] = done[leaving]
            if bool(leaving.all()):
                break
        plan = acceleration.next_plan(solved.plan, residual, change)
        precision = (PRECISION_PER_CHANGE * change).clamp(
            PRECISION_PER_CHANGE * tolerance, LOOSEST_PRECISION
        )
        if bool(done.any()):
            stay = (~done).nonzero()[:, 0]
            unfinished, plan, separable = unfinished[stay], plan[stay], separable[stay]
            potentials, problem, precision = (
                potentials.select(stay),
                problem.select(stay),
                precision[stay],
            )
            acceleration.select(stay)
    taken = tuple(tuple(sweeps[:steps]) for steps in result.steps.tolist())
    return replace(result, sweeps=taken)


class _CautiousAnderson(Anderson):
    """Extrapolates a problem only where its iteration is nearly linear.

    That is where its last changes fell one after the other, to below `TRUSTED_CHANGE`. Earlier, an
    extrapolation could leave for another stationary point than the plain iteration finds.
    """

    def __init__(self, batch: int, size: int, like: Tensor) -> None:
        super().__init__(batch, size, like)
        self.decreases = torch.zeros(batch, dtype=torch.long, device=like.device)
        self.last_change = like.new_full((batch,), torch.inf)

    def select(self, index: Tensor) -> None:
        super().select(index)
        self.decreases, self.last_change = self.decreases[index], self.last_change[index]

    def next_plan(self, image: Tensor, residual: Tensor, change: Tensor) -> Tensor:
        """Return the next plan (B, n, m), given this one's image, its residual and the L1 of it."""
        falls = change < self.last_change
        self.decreases = torch.where(falls, self.decreases + 1, 0)
        self.last_change = change
        trusted = (self.decreases >= TRUSTED_DECREASES) & (change < TRUSTED_CHANGE)
        self.record(image.flatten(1), residual.flatten(1))
        self.forget(trusted)
        if not bool(trusted.any()):
            return image
        return torch.where(trusted[:, None, None], self.extrapolate().view_as(image), image)


def _unlabelled_start(
    problem: Quadratic, separable: Tensor, eps: float
) -> tuple[Tensor, Potentials]:
    """Return the plan that the product of the marginals leads to, labels ignored.

    The release starts there too.
    """
    a, b = problem.marginals.a, problem.marginals.b
    scaled = torch.baddbmm(separable, problem.D1 @ a, b @ problem.D2, alpha=-2 / eps)
    zero = Potentials(torch.zeros_like(a), torch.zeros_like(b))
    solved = project(scaled, problem.marginals, zero, a.new_full((len(a),), LOOSEST_PRECISION))
    return solved.plan, solved.potentials


def objective(problem: Quadratic, plan: Tensor, eps: float) -> Tensor:
    """Return ``sum |D1_ik - D2_jl|^2 T_ij T_kl + 2 eps KL(T | a b')``, (B,).

    At a fixed point the plan is stationary, so the gradient with respect to D1 and D2 at a constant
    plan is the whole gradient (envelope theorem).
    """
    separable = problem.separable_cost()
    distortion = ((separable - 2 * problem.D1 @ plan @ problem.D2) * plan).sum((-2, -1))
    product = problem.marginals.a * problem.marginals.b
    relative = torch.xlogy(plan, plan) - torch.xlogy(plan, product)
    return distortion + 2 * eps * relative.sum((-2, -1))
