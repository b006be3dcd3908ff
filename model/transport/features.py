"""Transport between the features of two modalities, given a coupling of their samples."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from .problems import result_dtype
from .projection import Marginals, Potentials, project
from .scaling import ScaledPlan, scale_to_uniform

LARGEST_NEWTON_SIDE = 128
# Newton's method takes the exponential of every cost twice a step. From this many costs on it is
# cheaper to see first whether so many sweeps, each no more than two products, are enough.
LEAST_SWEPT_COSTS = 2**15
SWEEPS_BEFORE_NEWTON = 60
RESOLUTION = 16
EASY_COST = 200.0
HALFWAY_PRECISION = 1e-2


@dataclass(frozen=True, slots=True)
class FeaturePlan:
    """A plan between features and how it was reached.

    Attributes
    ----------
    plan : Tensor (dx, dy)
        Mass sent from feature k of X to feature l of Y; uniform marginals.
    cost : Tensor ()
        ``<M, plan>``, in the squared units of the standardised features.
    sweeps : int
        Sinkhorn sweeps.
    converged : bool
        Whether the marginals were met.
    """

    plan: Tensor
    cost: Tensor
    sweeps: int
    converged: bool


def feature_plan(
    X: Tensor,
    Y: Tensor,
    T: Tensor,
    *,
    eps: float = 5e-3,
    tolerance: float = 1e-6,
    max_sweeps: int = 2000,
) -> FeaturePlan:
    """Match the features of two modalities through a coupling of their samples.

    Solves ``min_P <M / max M, P> + eps KL(P)`` over couplings of the features with uniform
    marginals, where ``M_kl = sum_ij T_ij (X_ik - Y_jl)^2 / sum T`` (the feature half of CO-Optimal
    Transport, Redko et al., NeurIPS 2020, as RIMA uses it). Every feature is first
    standardised to mean 0 and variance 1 under the coupling's marginals; a constant one becomes
    zero.

    Parameters
    ----------
    X, Y : Tensor (n, dx), (m, dy)
    T : Tensor (n, m)
        A coupling of the samples, not necessarily of mass one; rows and columns may be empty.
    eps : float
        Strength of the entropy, relative to the largest cost.
    tolerance : float
        Bound on the L1 error of the marginals, one of which is met to rounding.
        It is not taken below what the type resolves, 2e-6 in float32.
    max_sweeps : int
        Sweeps after which the plan is returned with ``converged=False``.

    Raises
    ------
    ValueError
        On shapes that do not fit, features that are not finite, or a coupling without mass.
    """
    X, Y, T = checked(X, Y, T)
    dtype = X.dtype
    with torch.no_grad():
        X, Y = standardised(X, T.sum(1)), standardised(Y, T.sum(0))
        cost = MatchingCost.of(X, Y, T, T.sum(1), T.sum(0))
        scaled = cost.dense(_large_buffer(X.shape[1], Y.shape[1], X)).clamp_(min=0.0)
        unit = eps * scaled.amax().clamp(min=torch.finfo(dtype).tiny)
        scaled /= unit
        tolerance = max(tolerance, RESOLUTION * torch.finfo(dtype).eps)

        def write_costs(out: Tensor) -> None:
            cost.dense(out).clamp_(min=0.0).div_(unit)

        solved = _solve(scaled, write_costs, tolerance, max_sweeps)
    converged = solved.error <= tolerance
    return FeaturePlan(solved.plan, cost.under(solved.plan), solved.sweeps, converged)


def standardised(features: Tensor, weights: Tensor) -> Tensor:
    """Return features (n, d) with mean 0 and variance 1 under weights (n,); constants as zeros."""
    weights = (weights / weights.sum())[:, None]
    size = features.abs().amax(0)
    features = features / torch.where(size > 0, size, 1.0)
    centred = features - (weights * features).sum(0)
    deviation = (weights * centred.square()).sum(0).sqrt()
    varies = deviation > 8 * torch.finfo(features.dtype).eps
    return torch.where(varies, centred / torch.where(varies, deviation, 1.0), 0.0)


def transport_features(plan: Tensor, Y: Tensor) -> Tensor:
    """Carry samples of Y to the features of X: ``(Y P')_ik / sum_l P_kl``, (n, dx).

    Parameters
    ----------
    plan : Tensor (dx, dy)
        A feature plan.
    Y : Tensor (n, dy)
    """
    mass = plan.sum(1, keepdim=True)
    weights = plan / torch.where(mass > 0, mass, 1.0)
    return Y @ weights.to(Y.dtype).T


@dataclass(frozen=True, slots=True)
class MatchingCost:
    """Costs ``left' right``, kept as factors (n + 2, dx) and (n + 2, dy), which are small.

    ``rows + columns - 2 X' T Y`` and its sum under a plan are one product of matrices then.
    """

    left: Tensor
    right: Tensor

    @classmethod
    def of(cls, X: Tensor, Y: Tensor, T: Tensor, rows: Tensor, columns: Tensor) -> MatchingCost:
        """Compare features under a coupling and its marginals."""
        squares_X, squares_Y = (rows @ X.square())[None], (columns @ Y.square())[None]
        left = torch.cat([-2 * X, squares_X, torch.ones_like(squares_X)])
        return cls(left, torch.cat([T @ Y, torch.ones_like(squares_Y), squares_Y]))

    def dense(self, out: Tensor | None = None) -> Tensor:
        """Return the costs (dx, dy), in the memory of `out` where it is given."""
        return torch.mm(self.left.T, self.right, out=out)

    def under(self, plan: Tensor) -> Tensor:
        """Return ``<M, plan>``, not negative."""
        return torch.sum((self.left @ plan) * self.right).clamp_(min=0.0)


def _large_buffer(n: int, m: int, like: Tensor) -> Tensor:
    """Return an uninitialised tensor; on a CPU in NumPy's memory.

    NumPy asks the system for large pages. The first touch of every small one can cost more than all
    the sweeps together.
    """
    if like.device.type != "cpu":
        return like.new_empty(n, m)
    return torch.from_numpy(np.empty((n, m), like.numpy().dtype))


def _solve(
    scaled: Tensor, write_costs: Callable[[Tensor], object], tolerance: float, max_sweeps: int
) -> ScaledPlan:
    """Solve a plan by Newton's method, by sweeps (`scale_to_uniform`), or by sweeps if few do."""
    newton = min(scaled.shape) <= LARGEST_NEWTON_SIDE
    if newton and scaled.numel() < LEAST_SWEPT_COSTS:
        return _newton_plan(scaled, tolerance)
    most = min(max_sweeps, SWEEPS_BEFORE_NEWTON) if newton else max_sweeps
    swept = scale_to_uniform(scaled, write_costs, tolerance, most)
    if not newton or swept.error <= tolerance:
        return swept
    write_costs(scaled)
    solved = _newton_plan(scaled, tolerance)
    return replace(solved, sweeps=swept.sweeps + solved.sweeps)


def _newton_plan(scaled: Tensor, tolerance: float) -> ScaledPlan:
    """Solve a plan with one short side by Newton's method, its system being that side's size."""
    n, m = scaled.shape
    if n > m:
        other_way = _newton_plan(scaled.T, tolerance)
        return replace(other_way, plan=other_way.plan.T.contiguous())
    costs = scaled.double()[None]
    marginals = Marginals(costs.new_full((1, n, 1), 1 / n), costs.new_full((1, 1, m), 1 / m))
    potentials = Potentials(costs.new_zeros(1, n, 1), costs.new_zeros(1, 1, m))
    # From a strong entropy down, halved each time: Newton's method wants a start that is near.
    halvings = math.ceil(math.log2(max(1.0, float(costs.max()) / EASY_COST)))
    sweeps = 0
    for remaining in range(halvings, -1, -1):
        precision = costs.new_full((1,), tolerance if remaining == 0 else HALFWAY_PRECISION)
        solved = project(costs / 2**remaining, marginals, potentials, precision)
        potentials = Potentials(2 * solved.potentials.row, 2 * solved.potentials.column)
        sweeps += solved.sweeps
    return ScaledPlan(solved.plan[0].to(scaled.dtype), sweeps, float(solved.error))


def checked(X: Tensor, Y: Tensor, T: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return features and a coupling of mass one, all of one type.

    Raises
    ------
    ValueError
        On shapes that do not fit, features that are not finite, or a coupling without mass.
    """
    if X.ndim != 2 or Y.ndim != 2 or tuple(T.shape) != (len(X), len(Y)):
        raise ValueError(
            f"X {tuple(X.shape)}, Y {tuple(Y.shape)} and the coupling {tuple(T.shape)} do not fit:"
            " the coupling must have one row for each row of X and one column for each row of Y"
        )
    for name, values in (("X", X), ("Y", Y), ("the coupling", T)):
        if not bool(torch.isfinite(values).all()):
            raise ValueError(f"{name} is not finite")
    if not float(T.sum()) > 0:
        raise ValueError("the coupling has no mass")
    dtype = result_dtype(X, Y)
    T = T.to(dtype)
    return X.to(dtype), Y.to(dtype), T / T.sum()
