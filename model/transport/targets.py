"""What a sample of one modality should be aligned with in the other, read off a coupling."""

from __future__ import annotations

import torch
from torch import Tensor


def draw_targets(coupling_plan: Tensor, generator: torch.Generator) -> Tensor:
    """Draw for each row the column it is aligned with, from the row's share of the coupling.

    Parameters
    ----------
    coupling_plan : Tensor (n, m)
    generator : torch.Generator
        On the plan's device.

    Returns
    -------
    Tensor (n,) of int64
        Column indices; -1 for a row without mass (its class was left out).
    """
    cumulative = coupling_plan.detach().double().cumsum(1)
    mass = cumulative[:, -1:]
    uniform = torch.rand(
        len(cumulative), 1, generator=generator, dtype=torch.float64, device=cumulative.device
    )
    # The first column whose cumulated mass exceeds the draw: columns of no mass are never reached.
    drawn = torch.searchsorted(cumulative, uniform * mass, right=True)
    return torch.where(mass > 0, drawn, -1)[:, 0]
