"""The true partner: the other modality of the same case."""

from dataclasses import dataclass

import torch
from torch import Tensor

from clients.couplings import Draws
from clients.partners import Partners, Points
from fed.parts import Need
from model.rima import Features


@dataclass(frozen=True)
class Pairs(Partners):
    """The other modality of the same case, as a coupling without error would find it."""

    needs = frozenset({Need.PAIRS})
    in_bank = False

    def among_cases(
        self, features: Features, labels: Tensor, draws: Draws
    ) -> tuple[Tensor, Tensor]:
        """Return the partners of cases that have both; -1 for the others."""
        has_fundus, has_oct = features.has_fundus, features.has_oct
        return (
            torch.where(has_oct, has_oct.cumsum(0) - 1, -1)[has_fundus],
            torch.where(has_fundus, has_fundus.cumsum(0) - 1, -1)[has_oct],
        )

    def among_prototypes(self, x: Tensor, labels: Tensor, bank: Points, draws: Draws) -> Tensor:
        """Find nobody: a prototype is of no single case."""
        return torch.full_like(labels, -1)
