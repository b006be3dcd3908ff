"""Coupling and feature plan as the release solves them, its defects included.

To compare with, and for the golden files: `labelled_coupling` and `feature_plan` are what one wants.
"""

from __future__ import annotations

import torch
from torch import Tensor

from . import faithful
from .coupling import Coupling, Problem
from .distances import distances
from .features import FeaturePlan, MatchingCost, checked
from .problems import assemble


def published_coupling(
    X: Tensor, Y: Tensor, lx: Tensor, ly: Tensor, *, eps: float = 5e-3
) -> Coupling:
    """Return the coupling of the released solver, in the features' own type.

    Parameters
    ----------
    X, Y, lx, ly, eps
        As for `labelled_coupling`. There are no weights, and no start.

    Raises
    ------
    ValueError
        As `labelled_coupling` does, and where one side's samples are all equal.
    """
    problem = Problem(X, Y, lx, ly)
    batch = assemble([problem])
    with torch.no_grad():
        everything = torch.ones_like(batch.same)  # The release leaves no class out.
        D1 = distances([problem.X], everything[:, :, 0], "X")[0]
        D2 = distances([problem.Y], everything[:, 0], "Y")[0]
        if not (bool(D1.any()) and bool(D2.any())):
            raise ValueError(
                "the released solver divides by the largest distance, which is 0: one side's "
                "samples are all equal; use labelled_coupling"
            )
        labels = torch.cat([problem.lx, problem.ly]).unique()
        dtype = batch.dtypes[0]
        solved = faithful.labelled_gromov(
            D1.to(dtype), D2.to(dtype), batch.same[0], len(labels), eps
        )
    n, m = solved.plan.shape
    return Coupling(
        plan=solved.plan,
        cost=solved.plan.new_tensor(solved.dual, dtype=torch.float64),
        outer_steps=len(solved.sweeps),
        inner_sweeps=solved.sweeps,
        converged=solved.converged,
        left_out=batch.left_out[0],
        potentials=(solved.plan.new_zeros(n), solved.plan.new_zeros(m)),
    )


def published_plan(X: Tensor, Y: Tensor, T: Tensor, *, eps: float = 5e-3) -> FeaturePlan:
    """Return the feature plan of the released solver, its cost in the features' own units.

    Parameters
    ----------
    X, Y, T, eps
        As for `feature_plan`.
    """
    X, Y, T = checked(X, Y, T)
    rows, columns = T.sum(1), T.sum(0)
    if len(X) == len(Y):
        rows, columns = columns, rows  # The release swaps them, and fails where it cannot.
    cost = MatchingCost.of(X, Y, T, rows, columns).dense()
    solved = faithful.sinkhorn(cost / cost.max(), eps)
    return FeaturePlan(solved.plan, (cost * solved.plan).sum(), solved.sweeps, solved.converged)
