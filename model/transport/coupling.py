"""Labelled Gromov-Wasserstein couplings between the samples of two modalities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from . import gromov
from .problems import assemble, check


class Problem(NamedTuple):
    """One coupling to solve, with the arguments of `labelled_coupling`."""

    X: Tensor
    Y: Tensor
    lx: Tensor
    ly: Tensor
    a: Tensor | None = None
    b: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Coupling:
    """A coupling and how it was reached.

    Attributes
    ----------
    plan : Tensor (n, m)
        Mass sent from row i to column j, in the order given; zero where labels differ.
    cost : Tensor ()
        The objective ``sum |D1_ik - D2_jl|^2 T_ij T_kl + 2 eps KL(T | a b')``; it carries a
        gradient when a feature asks for one.
    outer_steps : int
        Steps of the outer loop.
    inner_sweeps : tuple of int
        Sweeps of every outer step: of the class that took most; on an accelerator, of the whole
        batch while this problem was open.
    converged : bool
        Whether the loop met its tolerance.
    left_out : tuple of int
        Labels that one side alone holds with any weight; their rows and columns are zero.
    potentials : tuple of Tensor (n,), (m,)
        Dual variables over eps: what a warm start needs.
    """

    plan: Tensor
    cost: Tensor
    outer_steps: int
    inner_sweeps: tuple[int, ...]
    converged: bool
    left_out: tuple[int, ...]
    potentials: tuple[Tensor, Tensor]


def labelled_coupling(
    X: Tensor,
    Y: Tensor,
    lx: Tensor,
    ly: Tensor,
    *,
    a: Tensor | None = None,
    b: Tensor | None = None,
    eps: float = 5e-3,
    tolerance: float = 1e-6,
    max_steps: int = 500,
    start: Coupling | None = None,
) -> Coupling:
    """Couple the samples of two modalities that share labels but no space.

    Solves ``min_T sum |D1_ik - D2_jl|^2 T_ij T_kl + 2 eps KL(T | a b')`` over the couplings that
    keep every label to itself, with D the squared distances within a modality over their maximum
    (RIMA, MICCAI 2025; entropic Gromov-Wasserstein of Peyré, Cuturi and Solomon, ICML 2016).

    Parameters
    ----------
    X, Y : Tensor (n, dx), (m, dy)
        Features of any floating type, on one device. The plan comes in their type, at least
        float32; the computation is in float64.
    lx, ly : Tensor (n,), (m,) of integers
        Labels, in any order.
    a, b : Tensor (n,), (m,), optional
        Weights of rows and columns, not negative; uniform by default. They are normalised, and
        the columns of a class rescaled to the mass of its rows, so that ``b`` counts within
        classes only.
    eps : float
        Strength of the entropy; POT's `epsilon` is twice this.
    tolerance : float
        The loop ends when the plan moves less than this in L1 and its marginals are met as well.
    max_steps : int
        Outer steps after which the coupling is returned with ``converged=False``.
    start : Coupling, optional
        A coupling of the same shape to start from.

    Raises
    ------
    ValueError
        On shapes that do not fit, features that are not finite, weights that are negative or not
        finite, or no label in common.

    Examples
    --------
    >>> import torch
    >>> X, labels = torch.randn(6, 8), torch.tensor([0, 0, 0, 1, 1, 1])
    >>> labelled_coupling(X, X, labels, labels).plan.argmax(1)
    tensor([0, 1, 2, 3, 4, 5])
    """
    problem = Problem(X, Y, lx, ly, a, b)
    starts = None if start is None else [start]
    return labelled_couplings(
        [problem], eps=eps, tolerance=tolerance, max_steps=max_steps, starts=starts
    )[0]


def labelled_couplings(
    problems: Sequence[Problem],
    *,
    eps: float = 5e-3,
    tolerance: float = 1e-6,
    max_steps: int = 500,
    starts: Sequence[Coupling] | None = None,
) -> list[Coupling]:
    """Solve many problems of any sizes together; see `labelled_coupling`.

    On a CPU they are solved one by one, by several threads if torch has them; the numbers do not
    depend on it. On an accelerator they are padded to one batch.
    """
    if not eps > 0:
        raise ValueError(f"eps is {eps}; it must be positive")
    if not problems:
        return []
    check(problems, starts)
    if not problems[0].X.is_cpu:
        return _solve_together(problems, eps, tolerance, max_steps, starts)
    # Numba takes a quarter of a second to import, and only couplings on a CPU need it.
    from . import cpu

    return cpu.solve(problems, eps, tolerance=tolerance, max_steps=max_steps, starts=starts)


def _solve_together(
    problems: Sequence[Problem],
    eps: float,
    tolerance: float,
    max_steps: int,
    starts: Sequence[Coupling] | None,
) -> list[Coupling]:
    batch = assemble(problems)
    problem = gromov.Quadratic.of(batch)
    start = None if starts is None else batch.pad_starts(starts)
    with torch.no_grad():
        solution = gromov.solve(problem, eps, tolerance=tolerance, max_steps=max_steps, start=start)
    costs = gromov.objective(problem, solution.plan, eps)
    steps, converged = solution.steps.tolist(), solution.converged.tolist()
    couplings = []
    for k, (n, m) in enumerate(batch.sizes):
        dtype = batch.dtypes[k]
        potentials = solution.potentials
        couplings.append(
            Coupling(
                plan=solution.plan[k, :n, :m].to(dtype),
                cost=costs[k],
                outer_steps=steps[k],
                inner_sweeps=solution.sweeps[k],
                converged=converged[k],
                left_out=batch.left_out[k],
                potentials=(potentials.row[k, :n, 0], potentials.column[k, 0, :m]),
            )
        )
    return couplings
