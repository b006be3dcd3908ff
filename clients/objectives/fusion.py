"""The loss of the fusion."""

from dataclasses import dataclass

import torch
from torch import Tensor

from clients.fills import Complete, Fill
from clients.losses import Classification
from fed.sites import MODALITIES
from model.rima import RIMA, Features


@dataclass
class FusionLoss:
    """Classification by the fusion, on complete cases and, if asked, on each modality alone.

    Attributes
    ----------
    fill : Fill
    complete : callable
        What `fill` completes batches with in this round.
    loss : callable
        The classification loss at this site.
    modality_dropout : bool
        Whether each modality is also shown alone, completed as at test.
    corrects_experts : bool
        Whether the fusion's logits are added to the experts' answer, which is held fixed.
    """

    model: RIMA
    fill: Fill
    complete: Complete
    loss: Classification
    modality_dropout: bool
    corrects_experts: bool
    name: str = "fusion"

    def __call__(self, features: Features, labels: Tensor) -> Tensor:
        """Return the mean over the ways of looking at the batch."""
        given = self.model.transport.standardise(features)
        if self.fill.only_both:
            both = given.has_fundus & given.has_oct
            given, labels = given[both], labels[both]
        completed = self.complete(given, labels)
        rows = completed.usable
        whole = Features(
            completed.fundus[rows],
            completed.oct[rows],
            (given.has_fundus | self.fill.as_seen)[rows],
            (given.has_oct | self.fill.as_seen)[rows],
        )
        losses = [self._loss(whole, whole, labels[rows])]
        if self.modality_dropout:
            for modality, present in zip(
                MODALITIES, (given.has_fundus, given.has_oct), strict=True
            ):
                seen = given.only(modality)
                alone = self.fill.at_test(self.model, seen)
                losses.append(self._loss(seen, alone, labels[present]))
        found = [loss for loss in losses if loss is not None]
        return torch.stack(found).mean() if found else features.fundus.sum() * 0.0

    def _loss(self, seen: Features, filled: Features, labels: Tensor) -> Tensor | None:
        """Return the loss of what is seen, completed; None where there is no case."""
        if not len(labels):
            return None
        logits = self.model.fuse(filled.fundus, filled.oct)
        if not self.corrects_experts:
            return self.loss(logits, labels)
        experts = self.model.experts(self.model.transport.restore(seen)).detach()
        return self.loss(logits, labels, base=experts)
