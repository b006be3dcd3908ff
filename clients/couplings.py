"""Couplings at a site, each of them counted, and draws of partners from them."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from clients.anchors import Anchors
from fed.protocol import TransportCount
from fed.sites import Modality
from model.transport import Coupling, coupling_in_one_space, draw_targets, labelled_coupling

# Partners are drawn from the plan, so an L1 error of this size misplaces one draw in 10,000 at most.
# It saves a quarter of the time.
DRAWN_FROM = 1e-4


@dataclass
class CouplingLog:
    """Counts the couplings of a round, so that none fails unseen."""

    count: TransportCount = field(default_factory=TransportCount)

    def coupling(
        self, x: Tensor, y: Tensor, lx: Tensor, ly: Tensor, b: Tensor | None = None
    ) -> Tensor:
        """Return the labelled coupling ``(n, m)`` of two sets of features, and count it."""
        return self._counted(labelled_coupling, x, y, lx, ly, b)

    def coupling_in_one_space(
        self, x: Tensor, y: Tensor, lx: Tensor, ly: Tensor, b: Tensor | None = None
    ) -> Tensor:
        """Return the coupling ``(n, m)`` of features of one space, label by label, and count it."""
        return self._counted(coupling_in_one_space, x, y, lx, ly, b)

    def _counted(
        self,
        solve: Callable[..., Coupling],
        x: Tensor,
        y: Tensor,
        lx: Tensor,
        ly: Tensor,
        b: Tensor | None,
    ) -> Tensor:
        start = time.perf_counter()
        solved = solve(x.detach(), y.detach(), lx, ly, b=b, tolerance=DRAWN_FROM)
        self.count += TransportCount(
            couplings=1,
            not_converged=int(not solved.converged),
            left_out_classes=len(solved.left_out),
            seconds=time.perf_counter() - start,
        )
        return solved.plan


@dataclass(frozen=True)
class Draws:
    """What partners are found with in one round at one site: a log of couplings, one stream.

    Attributes
    ----------
    log : CouplingLog
    generator : torch.Generator
        All partners of the round are drawn from it.
    anchors : Mapping of modality to Anchors
        What each modality is predicted with, where the method asks for linked pairs.
    """

    log: CouplingLog
    generator: torch.Generator
    anchors: Mapping[Modality, Anchors] = field(default_factory=dict)

    def same_class(self, lx: Tensor, ly: Tensor, weights: Tensor) -> Tensor:
        """Draw for each label of `lx` a position of the same label in `ly`, or -1 where none is.

        Parameters
        ----------
        weights : Tensor
            ``(m,)``: how likely each position is among those of its label.
        """
        same = (lx[:, None] == ly[None, :]) * weights[None, :]
        partners = torch.full_like(lx, -1)
        found = same.sum(dim=1) > 0
        if found.any():
            drawn = torch.multinomial(same[found], 1, generator=self.generator)
            partners[found] = drawn.squeeze(1)
        return partners

    def from_plan(self, plan: Tensor) -> Tensor:
        """Draw a column for each row of a coupling, or -1 for a row without mass."""
        return draw_targets(plan, self.generator)


def share_a_class(lx: Tensor, ly: Tensor) -> bool:
    """Return whether two sets of labels have one in common."""
    return bool(torch.isin(lx, ly).any())
