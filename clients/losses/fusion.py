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
    corrects_experts : bool
        Whether the fusion's logits are added to the experts' answer, which is held fixed.
    """

    model: RIMA
    fill: Fill
    prior: Tensor
    alone: Callable[[Features], Features] | None
    corrects_experts: bool
    name: str = "fusion"

    def __call__(self, features: Features, labels: Tensor) -> Tensor:
        """Return the mean over the ways of looking at the batch."""
        given = self.model.transport.standardise(features)
        if self.fill.only_both:
            both = given.has_fundus & given.has_oct
            given, labels = given[both], labels[both]
        completed = self.fill.complete(given, labels)
        rows = completed.usable
        whole = Features(
            completed.fundus[rows],
            completed.oct[rows],
            (given.has_fundus | self.fill.as_seen)[rows],
            (given.has_oct | self.fill.as_seen)[rows],
        )
        losses = [self._loss(whole, whole, labels[rows])]
        if self.alone is not None:
            for modality, present in zip(
                MODALITIES, (given.has_fundus, given.has_oct), strict=True
            ):
                seen = given.only(modality)
                losses.append(self._loss(seen, self.alone(seen), labels[present]))
        found = [loss for loss in losses if loss is not None]
        return torch.stack(found).mean() if found else features.fundus.sum() * 0.0

    def _loss(self, seen: Features, filled: Features, labels: Tensor) -> Tensor | None:
        """Return the loss of what is seen, completed; None where there is no case."""
        if not len(labels):
            return None
        logits = self.model.fuse(filled.fundus, filled.oct) + self.prior
        if self.corrects_experts:
            logits = logits + self.model.experts(self.model.transport.restore(seen)).detach()
        return cross_entropy(logits, labels)
