"""Entropic optimal transport for one large cost, by Sinkhorn sweeps with Anderson acceleration."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .anderson import Anderson

SWEEPS_PER_CHECK = 5
RELAXATION = 1.5
LARGEST_LOG_SCALING = 15.0
BLOCK_BYTES = 2**22
LOWEST_EXPONENT = -100.0
LOG2_E = 1 / math.log(2)


@dataclass(frozen=True, slots=True)
class ScaledPlan:
    """A plan (n, m), its sweeps, and the L1 error of its columns."""

    plan: Tensor
    sweeps: int
    error: float


def scale_to_uniform(scaled: Tensor, tolerance: float, max_sweeps: int) -> ScaledPlan:
    """Solve ``min_P <scaled, P> + KL(P)`` over plans with uniform marginals.

    A sweep is two products of the kernel with a vector. The kernel is shifted so that every row
    holds a one, and rebuilt from the cost when the scalings have drifted, so nothing that matters
    underflows. Sweeps are over-relaxed, and after every few of them the column potential is
    extrapolated (`Anderson`), which takes a half to two thirds of the sweeps that over-relaxation
    alone takes. Two plans of memory, that of `scaled` included.

    Parameters
    ----------
    scaled : Tensor (n, m)
        Finite costs over eps.
    tolerance : float
        The L1 error of the columns to reach; the rows are met to rounding.
    max_sweeps : int
        Sweeps after which to return all the same.
    """
    n, m = scaled.shape
    column = scaled.amin(0)
    kernel = scaled - column
    row = kernel.amin(1)
    _fill_kernel(kernel, scaled, row, column)
    on_cpu = scaled.device.type == "cpu"
    blocks = kernel.split(max(1, BLOCK_BYTES // (m * kernel.element_size())) if on_cpu else n)
    # What is extrapolated is small and in float64, whatever the kernel's type.
    potential = column.double()
    anderson = Anderson(1, m, potential)
    previous, sweeps = math.inf, 0
    while True:
        length = min(SWEEPS_PER_CHECK, max_sweeps - sweeps)
        for k in range(length):
            v = (potential - column).exp_().to(scaled.dtype)
            u, masses = _scale_rows(blocks, v)
            columns = masses.double().mul_(v)
            residual = columns.mul(m).log_().mul_(-RELAXATION)
            image = potential + residual
            if k < length - 1:
                anderson.record(image, residual)
                potential = image
        sweeps += length
        drift = torch.maximum(u.log().abs().amax(), v.log().abs().amax())
        error, drift = torch.stack([(columns - 1 / m).abs().sum(), drift]).tolist()
        if (error <= tolerance and drift <= LARGEST_LOG_SCALING) or sweeps >= max_sweeps:
            return ScaledPlan(kernel.mul_(u[:, None]).mul_(v), sweeps, error)
        if not (math.isfinite(error) and math.isfinite(drift)):
            # The scalings left the number range: back to the last shift.
            potential, previous = column.double(), math.inf
            anderson.forget()
            continue
        if error > previous:
            anderson.forget()
        previous = error
        potential = anderson.extrapolate(image[None], residual[None])[0]
        anderson.record(image, residual)
        if drift > LARGEST_LOG_SCALING:
            row, column = row + u.log(), potential.to(scaled.dtype)
            _fill_kernel(kernel, scaled, row, column)


def _scale_rows(blocks: tuple[Tensor, ...], v: Tensor) -> tuple[Tensor, Tensor]:
    """Return the row scalings that meet the rows, and what ``u @ kernel`` gives, in one pass.

    A block that stays in cache between its two products halves the traffic from memory.
    """
    n = sum(map(len, blocks))
    masses, scalings = torch.zeros_like(v), []
    for block in blocks:
        scaling = torch.mv(block, v).mul_(n).reciprocal_()
        masses.addmv_(block.T, scaling)
        scalings.append(scaling)
    return torch.cat(scalings), masses


def _fill_kernel(kernel: Tensor, scaled: Tensor, row: Tensor, column: Tensor) -> None:
    # Far below what counts, and above the subnormal numbers that slow everything down. The base 2
    # is twice as fast as e.
    torch.sub(row[:, None], scaled, out=kernel).add_(column).mul_(LOG2_E)
    kernel.clamp_(min=LOWEST_EXPONENT).exp2_()
