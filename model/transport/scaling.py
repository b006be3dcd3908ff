"""Entropic optimal transport for one large cost, by over-relaxed Sinkhorn sweeps."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

SWEEPS_PER_CHECK = 10
LARGEST_LOG_SCALING = 15.0
LARGEST_RELAXATION = 1.95
FIRST_RELAXATION = 1.5
BLOCK_BYTES = 2**22
LOWEST_EXPONENT = -70.0


@dataclass(frozen=True, slots=True)
class ScaledPlan:
    """A plan (n, m), its sweeps, and the L1 error of its columns."""

    plan: Tensor
    sweeps: int
    error: float


def scale_to_uniform(scaled: Tensor, tolerance: float, max_sweeps: int) -> ScaledPlan:
    """Solve ``min_P <scaled, P> + KL(P)`` over plans with uniform marginals.

    A sweep is two products of the kernel with a vector. The kernel is shifted so that every row and
    every column holds a one, and rebuilt from the cost when the scalings have drifted, so nothing
    that matters underflows. Sweeps are over-relaxed (Thibault et al., Algorithms 2021; Lehmann et
    al., Optimization Letters 2022) by Young's optimal factor for the convergence rate observed so
    far, except for the last before each check, which meets the rows exactly. Two plans of memory.

    Parameters
    ----------
    scaled : Tensor (n, m)
        Finite costs over eps.
    tolerance : float
        The L1 error of the columns to reach.
    max_sweeps : int
        Sweeps after which to return all the same.
    """
    n, m = scaled.shape
    on_cpu = scaled.device.type == "cpu"
    column = scaled.amin(0)
    kernel = torch.sub(scaled, column)
    row = kernel.amin(1)
    _fill_kernel(kernel, scaled, row, column)
    blocks = kernel.split(max(1, BLOCK_BYTES // (m * kernel.element_size())) if on_cpu else n)
    u, v = scaled.new_ones(n), scaled.new_ones(m)
    masses = u @ kernel
    relaxation, error, length, sweeps = FIRST_RELAXATION, math.inf, SWEEPS_PER_CHECK, 0
    while sweeps < max_sweeps and error > tolerance:
        length = min(length, max_sweeps - sweeps)
        for k in range(length):
            omega = relaxation if k < length - 1 else 1.0
            v = v * (masses * v * m).pow_(-omega)
            u, masses = _scale_rows(blocks, u, v, omega)
        sweeps += length
        new_error = float((masses * v - 1 / m).abs().sum())
        drift = float(torch.maximum(u.log().abs().amax(), v.log().abs().amax()))
        if not (math.isfinite(new_error) and math.isfinite(drift)):
            # The scalings left the number range: back to the last shift, in sweeps that cannot.
            u, v, relaxation, length = torch.ones_like(u), torch.ones_like(v), 1.0, 1
            masses = u @ kernel
            continue
        relaxation = _optimal_relaxation(relaxation, (new_error / error) ** (1 / length))
        error = new_error
        if drift > LARGEST_LOG_SCALING:
            row, column = row + u.log(), column + v.log()
            _fill_kernel(kernel, scaled, row, column)
            u, v = torch.ones_like(u), torch.ones_like(v)
            masses = u @ kernel
    return ScaledPlan(kernel.mul_(u[:, None]).mul_(v), sweeps, error)


def _scale_rows(
    blocks: tuple[Tensor, ...], u: Tensor, v: Tensor, omega: float
) -> tuple[Tensor, Tensor]:
    """Return the relaxed row scalings and the column sums they give, in one pass of the kernel.

    A block that stays in cache between its two products halves the traffic from memory.
    """
    masses, scalings = torch.zeros_like(v), []
    for block, part in zip(blocks, u.split(len(blocks[0])), strict=True):
        scaling = part * (torch.mv(block, v) * part * len(u)).pow_(-omega)
        masses.addmv_(block.T, scaling)
        scalings.append(scaling)
    return torch.cat(scalings), masses


def _fill_kernel(kernel: Tensor, scaled: Tensor, row: Tensor, column: Tensor) -> None:
    # Far below what counts, and far above the subnormal numbers that slow everything down.
    torch.sub(row[:, None], scaled, out=kernel).add_(column).clamp_(min=LOWEST_EXPONENT).exp_()


def _optimal_relaxation(relaxation: float, rate: float) -> float:
    """Return the best factor, given the convergence rate a sweep that `relaxation` gave.

    Near the solution a sweep contracts like a Gauss-Seidel step, so Young's theory of successive
    over-relaxation holds: the plain rate r satisfies ``(rate + w - 1)^2 = rate w^2 r``, and the
    best factor is ``2 / (1 + sqrt(1 - r))``.
    """
    if not 0 < rate < 1:
        return 1.0
    plain = (rate + relaxation - 1) ** 2 / (rate * relaxation**2)
    best = 2 / (1 + math.sqrt(max(0.0, 1 - plain)))
    return min(best, LARGEST_RELAXATION)
