"""Cross-entropy of the fusion."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from clients.fills import Fill
from fed.sites import MODALITIES
from model.rima import RIMA, Features


@dataclass
class FusionLoss:
    """Cross-entropy of the fusion, on complete cases and, if asked, on each modality alone.

    Attributes
    ----------
    alone : callable or None
        Completes standardised features of one modality as at test; None: no modality dropout.
    """

    model: RIMA
    fill: Fill
    prior: Tensor
    alone: Callable[[Features], Features] | None
    name: str = "fusion"

    def __call__(self, features: Features, labels: Tensor) -> Tensor:
        """Return the mean over the ways of looking at the batch."""
        given = self.model.transport.standardise(features)
        if self.fill.only_both:
            both = given.has_fundus & given.has_oct
            given, labels = given[both], labels[both]
        completed = self.fill.complete(given, labels)
        usable = completed.usable
        views = [(completed.fundus[usable], completed.oct[usable], labels[usable])]
        if self.alone is not None:
            for modality, present in zip(
                MODALITIES, (given.has_fundus, given.has_oct), strict=True
            ):
                alone = self.alone(given.only(modality))
                views.append((alone.fundus, alone.oct, labels[present]))
        losses = [
            cross_entropy(self.model.fuse(fundus, oct_) + self.prior, target)
            for fundus, oct_, target in views
            if len(target)
        ]
        return torch.stack(losses).mean() if losses else features.fundus.sum() * 0.0
