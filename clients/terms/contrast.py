"""Prototype contrast: encoders bring each case near its class's mean over all sites."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from clients.local_round import LocalRound
from clients.objectives.objective import Objective
from clients.prototypes import ClassMeans
from clients.terms import Term
from fed.parts import Need
from fed.sites import MODALITIES, Modality
from model.rima import RIMA, Features


@dataclass(frozen=True)
class Contrast(Term):
    """``-log softmax_c(cos(z, mean_c) / t)`` at the case's class, in each modality.

    Attributes
    ----------
    weight : float
    temperature : float
        Of the similarities.
    """

    needs = frozenset({Need.PROTOTYPES})
    with_parts = frozenset({"encoders", "fusion"})
    weight: Annotated[float, Field(gt=0)] = 1.0
    temperature: Annotated[float, Field(gt=0)] = 0.5

    def objective(self, local: LocalRound, weights: Sequence[nn.Parameter]) -> Objective:
        """Return the term against the class means of the bank."""
        return PrototypeContrast(local.network, local.class_means, self.weight, self.temperature)


@dataclass
class PrototypeContrast:
    """Classes that the bank does not have are no alternatives, and their cases are left out."""

    model: RIMA
    means: Mapping[Modality, ClassMeans]
    weight: float
    temperature: float
    name: str = "contrast"

    def __call__(self, features: Features, labels: Tensor) -> Tensor:
        """Return the mean over the modalities present; 0 if nothing can be contrasted."""
        given = self.model.transport.standardise(features)
        losses = []
        for modality, values, present in zip(
            MODALITIES,
            (given.fundus, given.oct),
            (given.has_fundus, given.has_oct),
            strict=True,
        ):
            if modality not in self.means:
                continue
            means = self.means[modality]
            rows = present & means.known[labels]
            if rows.any():
                similarity = normalize(values[rows], dim=1) @ normalize(means.centres, dim=1).T
                logits = (similarity / self.temperature).masked_fill(~means.known, -torch.inf)
                losses.append(cross_entropy(logits, labels[rows]))
        if not losses:
            return features.fundus.sum() * 0.0
        return self.weight * torch.stack(losses).mean()
