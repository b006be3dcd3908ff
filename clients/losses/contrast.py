"""Prototype contrast: encoders bring each case near its class's mean over all sites."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from clients.prototypes import ClassMeans
from fed.sites import MODALITIES, Modality
from model.rima import RIMA, Features

TEMPERATURE = 0.5
"""Of the similarities."""


@dataclass
class PrototypeContrast:
    """``-log softmax_c(cos(z, mean_c) / t)`` at the case's class, in each modality.

    Classes that the bank does not have are no alternatives, and their cases are left out.
    """

    model: RIMA
    means: Mapping[Modality, ClassMeans]
    weight: float
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
                logits = (similarity / TEMPERATURE).masked_fill(~means.known, -torch.inf)
                losses.append(cross_entropy(logits, labels[rows]))
        if not losses:
            return features.fundus.sum() * 0.0
        return self.weight * torch.stack(losses).mean()
