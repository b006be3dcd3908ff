"""The loss of each modality's own head."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from clients.losses import Classification
from fed.sites import Modality
from model.rima import RIMA, Features


@dataclass
class ExpertLoss:
    """Classification by each modality's own head.

    Attributes
    ----------
    losses : Mapping
        The classification loss of each modality, at this site.
    """

    model: RIMA
    losses: Mapping[Modality, Classification]
    name: str = "experts"

    def __call__(self, features: Features, labels: Tensor) -> Tensor:
        """Return the mean over the modalities present."""
        losses = []
        if features.has_fundus.any():
            logits = self.model.fundus_head(features.fundus[features.has_fundus])
            losses.append(self.losses["fundus"](logits, labels[features.has_fundus]))
        if features.has_oct.any():
            logits = self.model.oct_head(features.oct[features.has_oct])
            losses.append(self.losses["oct"](logits, labels[features.has_oct]))
        return torch.stack(losses).mean()
