"""Cross-entropy of each modality's own head."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fed.sites import Modality
from model.rima import RIMA, Features


@dataclass
class ExpertLoss:
    """Cross-entropy of each modality's own head."""

    model: RIMA
    priors: Mapping[Modality, Tensor]
    name: str = "experts"

    def __call__(self, features: Features, labels: Tensor) -> Tensor:
        """Return the mean over the modalities present."""
        losses = []
        if features.has_fundus.any():
            logits = self.model.fundus_head(features.fundus[features.has_fundus])
            losses.append(
                cross_entropy(logits + self.priors["fundus"], labels[features.has_fundus])
            )
        if features.has_oct.any():
            logits = self.model.oct_head(features.oct[features.has_oct])
            losses.append(cross_entropy(logits + self.priors["oct"], labels[features.has_oct]))
        return torch.stack(losses).mean()
