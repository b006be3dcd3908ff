"""What the predictor makes of the other modality, in training and at test."""

from dataclasses import dataclass

import torch
from torch import Tensor

from clients.fills import Complete, Completed, Fill
from clients.local_round import LocalRound
from fed.parts import Need
from model.rima import RIMA, Features


@dataclass(frozen=True)
class Regression(Fill):
    """The prediction from the other modality, in training and at test."""

    needs = frozenset({Need.PREDICTORS})

    def in_training(self, local: LocalRound) -> Complete:
        """Predict what each case lacks; the fusion's loss does not reach the predictors."""

        def complete(features: Features, labels: Tensor) -> Completed:
            with torch.no_grad():
                predicted = local.network.predicted(features)
            return Completed(
                torch.where(features.has_fundus[:, None], features.fundus, predicted.fundus),
                torch.where(features.has_oct[:, None], features.oct, predicted.oct),
                torch.ones_like(features.has_fundus),
            )

        return complete

    def at_test(self, model: RIMA, features: Features) -> Features:
        """Predict what is missing from what is there."""
        return model.predicted(features)
