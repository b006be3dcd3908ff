"""A virtual partner in training, drawn around the bank's prototypes of the missing modality."""

from dataclasses import dataclass

from torch import Tensor

from clients.fills import Complete, Completed, Fill
from clients.local_round import LocalRound
from fed.parts import Need
from fed.sites import Modality
from model.rima import RIMA, Features


@dataclass(frozen=True)
class Prototype(Fill):
    """A partner drawn around the bank's prototypes in training; the prediction at test."""

    needs = frozenset({Need.PROTOTYPES, Need.PREDICTORS_IF_ANY})
    as_seen = True

    def in_training(self, local: LocalRound) -> Complete:
        """Give each case that lacks a modality a partner of its class."""
        partners = local.bank_partners

        def complete(features: Features, labels: Tensor) -> Completed:
            fundus, oct_ = features.fundus.clone(), features.oct.clone()
            usable = features.has_fundus & features.has_oct
            ways: tuple[tuple[Modality, Tensor, Tensor, Tensor], ...] = (
                ("oct", oct_, features.fundus, ~features.has_oct),
                ("fundus", fundus, features.oct, ~features.has_fundus),
            )
            for modality, target, anchors, lacking in ways:
                if lacking.any() and modality in partners:
                    drawn, found = partners[modality].draw(anchors[lacking], labels[lacking])
                    target[lacking] = drawn
                    usable[lacking] = found
            return Completed(fundus, oct_, usable)

        return complete

    def at_test(self, model: RIMA, features: Features) -> Features:
        """Predict what is missing from what is there."""
        return model.predicted(features)
