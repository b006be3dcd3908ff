"""Labelled entropic couplings of samples that lie in one space."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .coupling import Coupling, Problem
from .problems import assemble, check
from .projection import Marginals, Potentials, project


def coupling_in_one_space(
    X: Tensor,
    Y: Tensor,
    lx: Tensor,
    ly: Tensor,
    *,
    a: Tensor | None = None,
    b: Tensor | None = None,
    eps: float = 5e-3,
    tolerance: float = 1e-6,
) -> Coupling:
    """Couple samples of the same label by their distances from each other.

    Solves ``min_T <C, T> + eps KL(T | a b')`` over the couplings that keep every label to itself,
    with C the squared distances over the largest of them within a label: one problem for each label
    (Cuturi, NeurIPS 2013). `labelled_coupling` is for samples of two spaces, of which no distance
    from one to the other is known.

    Parameters
    ----------
    X, Y : Tensor (n, d), (m, d)
        Features of any floating type, on one device. The plan comes in their type, at least
        float32; the computation is in float64.
    lx, ly, a, b, eps
        As in `labelled_coupling`.
    tolerance : float
        Bound on the error of the columns' marginals in L1; the rows are met to rounding.

    Raises
    ------
    ValueError
        As `labelled_coupling` does.

    Examples
    --------
    >>> import torch
    >>> X, labels = torch.randn(6, 8), torch.tensor([0, 0, 0, 1, 1, 1])
    >>> coupling_in_one_space(X, X + 0.01, labels, labels).plan.argmax(1)
    tensor([0, 1, 2, 3, 4, 5])
    """
    if X.shape[1:] != Y.shape[1:]:
        raise ValueError(f"X has {X.shape[-1]} features and Y {Y.shape[-1]}; one space has as many")
    problem = Problem(X, Y, lx, ly, a, b)
    check([problem])
    batch = assemble([problem])
    marginals = Marginals(batch.a[..., None], batch.b[:, None])
    present = (marginals.a > 0) & (marginals.b > 0)
    squared = torch.cdist(X.detach().double(), Y.detach().double()).square()[None]
    largest = squared[present & batch.same].max()
    cost = squared / torch.where(largest > 0, largest, 1.0)
    scaled = (cost / eps).masked_fill(present & ~batch.same, math.inf)
    start = Potentials(torch.zeros_like(marginals.a), torch.zeros_like(marginals.b))
    solved = project(scaled, marginals, start, squared.new_full((1,), tolerance))
    plan = solved.plan[0]
    product = (marginals.a * marginals.b)[0]
    kept = torch.where(batch.same[0], product, 0.0)
    relative = (torch.xlogy(plan, plan) - torch.xlogy(plan, kept)).sum()
    return Coupling(
        plan=plan.to(batch.dtypes[0]),
        cost=(cost[0] * plan).sum() + eps * relative,
        outer_steps=1,
        inner_sweeps=(solved.sweeps,),
        converged=bool(solved.error[0] <= tolerance),
        left_out=batch.left_out[0],
        potentials=(solved.potentials.row[0, :, 0], solved.potentials.column[0, 0, :]),
    )
