"""Partners drawn from a coupling between modalities, which linked pairs of other sites anchor."""

from dataclasses import dataclass

import torch
from torch import Tensor

from clients.couplings import Draws, share_a_class
from clients.partners import Partners, Points
from clients.partners.pairs import Pairs
from clients.partners.random import Random
from fed.parts import Need
from model.rima import Features


@dataclass(frozen=True)
class Anchored(Partners):
    """The true partner of linked cases; for all others a draw from the anchored coupling.

    It is the entropic coupling of each class by the squared distance between what the anchors
    predict of a case and what is there. At random where the federation has no linked pairs.
    """

    needs = frozenset({Need.ANCHORS})

    def among_cases(
        self, features: Features, labels: Tensor, draws: Draws
    ) -> tuple[Tensor, Tensor]:
        """Return the partners of linked cases; couple the others with each other."""
        to_oct, to_fundus = Pairs().among_cases(features, labels, draws)
        x, y = (to_oct < 0).nonzero()[:, 0], (to_fundus < 0).nonzero()[:, 0]
        lx, ly = labels[features.has_fundus][x], labels[features.has_oct][y]
        if not share_a_class(lx, ly):
            return to_oct, to_fundus
        fundus, oct_ = features.fundus[features.has_fundus][x], features.oct[features.has_oct][y]
        if "oct" not in draws.anchors:
            drawn = draws.same_class(lx, ly, oct_.new_ones(len(y)))
            back = draws.same_class(ly, lx, fundus.new_ones(len(x)))
        else:
            predicted = draws.anchors["oct"].predicted(fundus, lx)
            plan = self._plan(predicted, oct_, lx, ly, None, draws)
            drawn, back = draws.from_plan(plan), draws.from_plan(plan.T)
        to_oct[x] = torch.where(drawn >= 0, y[drawn], -1)
        to_fundus[y] = torch.where(back >= 0, x[back], -1)
        return to_oct, to_fundus

    def among_prototypes(self, x: Tensor, labels: Tensor, bank: Points, draws: Draws) -> Tensor:
        """Draw from the coupling with the bank, the cases behind each prototype as marginals."""
        if bank.modality not in draws.anchors or not share_a_class(labels, bank.labels):
            return Random().among_prototypes(x, labels, bank, draws)
        predicted = draws.anchors[bank.modality].predicted(x, labels)
        plan = self._plan(predicted, bank.centres, labels, bank.labels, bank.weights, draws)
        return draws.from_plan(plan)

    def _plan(
        self, x: Tensor, y: Tensor, lx: Tensor, ly: Tensor, weights: Tensor | None, draws: Draws
    ) -> Tensor:
        """Return the coupling ``(n, m)`` of predictions with what is there."""
        return draws.log.coupling_in_one_space(x, y, lx, ly, weights)
