"""No imputation in training: the fusion learns from cases with both modalities alone."""

from dataclasses import dataclass

from torch import Tensor

from clients.fills import Complete, Completed, Fill
from clients.local_round import LocalRound
from fed.parts import Need
from model.rima import RIMA, Features


@dataclass(frozen=True)
class LeaveOut(Fill):
    """Nothing in training, where cases that lack a modality are left out; at test the prediction."""

    needs = frozenset({Need.PAIRS})
    only_both = True

    def in_training(self, local: LocalRound) -> Complete:
        """Mark the cases that have both."""

        def complete(features: Features, labels: Tensor) -> Completed:
            return Completed(features.fundus, features.oct, features.has_fundus & features.has_oct)

        return complete

    def at_test(self, model: RIMA, features: Features) -> Features:
        """Predict what is missing from what is there."""
        return model.predicted(features)
