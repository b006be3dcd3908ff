"""Distillation: where both modalities are, the fusion teaches each modality's head."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import kl_div, log_softmax, softmax

from clients.local_round import LocalRound
from clients.objectives.objective import Objective
from clients.terms import Term
from model.rima import RIMA, Features


@dataclass(frozen=True)
class Distillation(Term):
    """``t^2 KL(fusion || head)`` at temperature t, at cases with both modalities.

    Hinton et al., 2015.

    Attributes
    ----------
    weight : float
    temperature : float
        Of teacher and students.
    """

    with_parts = frozenset({"heads", "fusion"})
    weight: Annotated[float, Field(gt=0)] = 1.0
    temperature: Annotated[float, Field(gt=0)] = 2.0

    def objective(self, local: LocalRound, weights: Sequence[nn.Parameter]) -> Objective:
        """Return the term of the site's network."""
        return DistillationLoss(local.network, self.weight, self.temperature)


@dataclass
class DistillationLoss:
    """The teacher learns nothing from it; the students are both heads with their encoders."""

    model: RIMA
    weight: float
    temperature: float
    name: str = "distillation"

    def __call__(self, features: Features, labels: Tensor) -> Tensor:
        """Return the mean over cases with both modalities and over the students; 0 without."""
        both = features[features.has_fundus & features.has_oct]
        if not len(both):
            return features.fundus.sum() * 0.0
        with torch.no_grad():
            given = self.model.transport.standardise(both)
            teacher = softmax(self.model.fuse(given.fundus, given.oct) / self.temperature, dim=1)
        students = (self.model.fundus_head(both.fundus), self.model.oct_head(both.oct))
        losses = [
            kl_div(log_softmax(logits / self.temperature, dim=1), teacher, reduction="batchmean")
            for logits in students
        ]
        return self.weight * self.temperature**2 * torch.stack(losses).mean()
