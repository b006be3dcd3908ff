"""Entropic optimal transport for one large cost, by Sinkhorn sweeps with Anderson acceleration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, log

import torch
from torch import Tensor
from torch.linalg import vector_norm

from .anderson import Anderson

SWEEPS_PER_CHECK = 3
RELAXATION = 1.5
LARGEST_DRIFT = 20.0
LARGEST_LOG_SCALING = 2 * LARGEST_DRIFT
BLOCK_BYTES = 2**22
LOWEST_EXPONENT = -100.0
LOG2_E = 1 / log(2)


@dataclass(frozen=True, slots=True)
class ScaledPlan:
    """A plan (n, m), its sweeps, and the L1 error of its shorter side's marginal."""

    plan: Tensor
    sweeps: int
    error: float


def scale_to_uniform(
    scaled: Tensor, write_costs: Callable[[Tensor], object], tolerance: float, max_sweeps: int
) -> ScaledPlan:
    """Solve ``min_P <scaled, P> + KL(P)`` over plans with uniform marginals.

    A sweep is two products of the kernel with a vector. What is iterated is the potential of the
    shorter side; the longer side's is the best for it, so that its marginal is met to rounding.
    Sweeps are over-relaxed, and after every few of them the potential is extrapolated (`Anderson`),
    which takes a half to two thirds of the sweeps that over-relaxation alone takes. The kernel is
    shifted so that every row and every column holds a one, and made anew when the scalings have
    drifted, so nothing that matters underflows. It takes the place of the costs, and the plan takes
    its own: fresh memory is dearer than many sweeps.

    Parameters
    ----------
    scaled : Tensor (n, m)
        Finite costs over eps; overwritten by the plan.
    write_costs : callable
        Writes the costs again into the tensor it is given.
    tolerance : float
        The L1 error of the shorter side's marginal to reach.
    max_sweeps : int
        Sweeps after which to return all the same.
    """
    kernel = scaled if scaled.shape[0] <= scaled.shape[1] else scaled.T
    short, long = kernel.shape
    # Each side takes half of the smallest costs, which starts near the solution.
    shift, log_u = _shift_and_exponentiate(kernel, kernel.amin(1).div_(2))
    on_cpu = scaled.device.type == "cpu"
    width = max(1, BLOCK_BYTES // (short * scaled.element_size())) if on_cpu else long
    blocks = kernel.split(width, 1)
    anderson = Anderson(1, short, log_u)
    sweeps = 0
    while True:
        for _ in range(min(SWEEPS_PER_CHECK, max_sweeps - sweeps)):
            u = log_u[0].exp().to(scaled.dtype)
            v, masses = _scale_long_side(blocks, u)
            ratio = masses.mul_(u).mul_(short / long)
            surplus = ratio.double().log()[None]
            log_u = _bounded(log_u.sub(surplus, alpha=RELAXATION))
            anderson.record(log_u, surplus)
            sweeps += 1
        norms = [vector_norm(ratio.sub_(1), 1), *(vector_norm(x.log(), inf) for x in (u, v))]
        error, *drifts = torch.stack(norms).tolist()
        error, drifted = error / short, max(drifts) > LARGEST_DRIFT
        if (error <= tolerance and not drifted) or sweeps >= max_sweeps:
            kernel.mul_(u[:, None]).mul_(v / long)
            return ScaledPlan(scaled, sweeps, error)
        if drifted:
            write_costs(scaled)
            shift, log_u = _shift_and_exponentiate(kernel, shift + log_u[0].to(shift.dtype))
            anderson = Anderson(1, short, log_u)
        else:
            log_u = _bounded(anderson.extrapolate())


def _shift_and_exponentiate(costs: Tensor, potential: Tensor) -> tuple[Tensor, Tensor]:
    """Replace costs by the kernel ``exp(shift + column - costs)``, near a potential of the rows.

    Every row and every column holds a one. The exponents are cut far below what counts, above the
    subnormal numbers that slow everything down. The base 2 is twice as fast as e.

    Returns
    -------
    shift : Tensor (n,)
    log_u : Tensor (1, n) of float64
        The rows' scaling with which the kernel has the potential given. What is extrapolated is in
        float64, whatever the kernel's type. A row that was out of reach is brought into it.
    """
    costs.sub_(potential[:, None])
    nearest = costs.sub_(costs.amin(0)).amin(1)
    torch.sub(nearest[:, None], costs, out=costs).mul_(LOG2_E).clamp_(min=LOWEST_EXPONENT).exp2_()
    return potential + nearest, nearest.double().neg_().clamp_(min=-LARGEST_DRIFT / 2)[None]


def _bounded(log_scaling: Tensor) -> Tensor:
    """Keep (in place) what the scalings and their products with the kernel become in range."""
    return log_scaling.clamp_(-LARGEST_LOG_SCALING, LARGEST_LOG_SCALING)


def _scale_long_side(blocks: tuple[Tensor, ...], u: Tensor) -> tuple[Tensor, Tensor]:
    """Return the scalings v with which every column sums to one, and ``kernel @ v``, in one pass.

    A block of columns that stays in cache between its two products halves the traffic from memory.
    """
    masses, scalings = torch.zeros_like(u), []
    for block in blocks:
        scaling = torch.mv(block.T, u).reciprocal_()
        masses.addmv_(block, scaling)
        scalings.append(scaling)
    return torch.cat(scalings), masses
