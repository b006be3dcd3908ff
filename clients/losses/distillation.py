"""Distillation: where both modalities are, the fusion teaches each modality's head."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import kl_div, log_softmax, softmax

from model.rima import RIMA, Features

TEMPERATURE = 2.0
"""Of teacher and student."""


@dataclass
class DistillationLoss:
    """``t^2 KL(teacher || student)`` at temperature t (Hinton et al., 2015).

    The teacher is the fusion of both modalities and learns nothing from it; the students are both
    heads with their encoders.
    """

    model: RIMA
    weight: float
    name: str = "distillation"

    def __call__(self, features: Features, labels: Tensor) -> Tensor:
        """Return the mean over cases with both modalities and over the students; 0 without."""
        both = features[features.has_fundus & features.has_oct]
        if not len(both):
            return features.fundus.sum() * 0.0
        with torch.no_grad():
            given = self.model.transport.standardise(both)
            teacher = softmax(self.model.fuse(given.fundus, given.oct) / TEMPERATURE, dim=1)
        students = (self.model.fundus_head(both.fundus), self.model.oct_head(both.oct))
        losses = [
            kl_div(log_softmax(logits / TEMPERATURE, dim=1), teacher, reduction="batchmean")
            for logits in students
        ]
        return self.weight * TEMPERATURE**2 * torch.stack(losses).mean()
