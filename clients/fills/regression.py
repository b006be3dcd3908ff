"""A missing modality is what the predictor makes of the other one, in training and at test."""

import torch
from torch import Tensor

from clients.fills.fill import Completed
from model.rima import RIMA, Features


class RegressionFill:
    """Fills with predictions; the fusion's loss does not reach the predictors through them."""

    only_both = False
    as_seen = False

    def __init__(self, model: RIMA) -> None:
        self._model = model

    def complete(self, features: Features, labels: Tensor) -> Completed:
        """Predict what each case lacks from what it has."""
        with torch.no_grad():
            predicted = self._model.predicted(features)
        present_fundus, present_oct = features.has_fundus[:, None], features.has_oct[:, None]
        return Completed(
            torch.where(present_fundus, features.fundus, predicted.fundus),
            torch.where(present_oct, features.oct, predicted.oct),
            torch.ones_like(features.has_fundus),
        )
