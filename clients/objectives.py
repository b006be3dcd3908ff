"""The losses of local training, one class each; a method and a phase choose which apply."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from clients.alignment import BankPartners, BatchPartners, alignment_loss
from fed.sites import MODALITIES, Modality
from model.rima import RIMA, Features


class Objective(Protocol):
    """A named loss of a batch of features."""

    name: str

    def __call__(self, features: Features, labels: Tensor) -> Tensor:
        """Return the mean loss, a scalar."""
        ...


def label_prior(labels: Tensor, classes: int, adjusted: bool) -> Tensor:
    """Return what is added to the logits ``(K,)``: the log prior of the labels, or zeros.

    Logit-adjusted cross-entropy with the site's own prior: the classifier learns what the images
    say of the grade, and leaves how common each grade is at the site to the prior. Half a case is
    added to each class, so that the prior of an absent class is small and not zero.
    """
    if not adjusted or not len(labels):
        return torch.zeros(classes)
    counts = torch.bincount(labels, minlength=classes) + 0.5
    return torch.log(counts / counts.sum())


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


@dataclass(frozen=True)
class Completed:
    """Features of both modalities for every case that has or was given them.

    Attributes
    ----------
    fundus, oct : Tensor
        ``(n, dx)`` and ``(n, dy)``, standardised.
    usable : Tensor
        ``(n,)``, bool: False where a modality is missing and no partner was found.
    """

    fundus: Tensor
    oct: Tensor
    usable: Tensor


class ZeroFill:
    """A missing modality is zeros."""

    def complete(self, features: Features, labels: Tensor) -> Completed:
        """Leave the zeros where they are."""
        return Completed(features.fundus, features.oct, torch.ones_like(features.has_fundus))

    def alone(self, model: RIMA, features: Features) -> Features:
        """Return the features to fuse for cases given one modality."""
        return features


class PrototypeFill:
    """A missing modality is a virtual partner in training, and predicted at test."""

    def __init__(self, partners: Mapping[Modality, BankPartners]) -> None:
        self._partners = partners

    def complete(self, features: Features, labels: Tensor) -> Completed:
        """Give each case that lacks a modality a partner drawn from the bank."""
        fundus, oct_ = features.fundus.clone(), features.oct.clone()
        usable = features.has_fundus & features.has_oct
        lacking_modalities: tuple[tuple[Modality, Tensor, Tensor, Tensor], ...] = (
            ("oct", oct_, features.fundus, ~features.has_oct),
            ("fundus", fundus, features.oct, ~features.has_fundus),
        )
        for modality, target, anchors, lacking in lacking_modalities:
            if lacking.any() and modality in self._partners:
                drawn, found = self._partners[modality].draw(anchors[lacking], labels[lacking])
                target[lacking] = drawn
                usable[lacking] = found
        return Completed(fundus, oct_, usable)

    def alone(self, model: RIMA, features: Features) -> Features:
        """Predict the absent modality from the present one, as at test."""
        return model.predicted(features)


Fill = ZeroFill | PrototypeFill


@dataclass
class FusionLoss:
    """Cross-entropy of the fusion, on complete cases and, if asked, on each modality alone."""

    model: RIMA
    fill: Fill
    prior: Tensor
    modality_dropout: bool
    name: str = "fusion"

    def __call__(self, features: Features, labels: Tensor) -> Tensor:
        """Return the mean over the ways of looking at the batch."""
        completed = self.fill.complete(features, labels)
        usable = completed.usable
        views = [(completed.fundus[usable], completed.oct[usable], labels[usable])]
        if self.modality_dropout:
            for modality, present in zip(
                MODALITIES, (features.has_fundus, features.has_oct), strict=True
            ):
                alone = self.fill.alone(self.model, features.only(modality))
                views.append((alone.fundus, alone.oct, labels[present]))
        losses = [
            cross_entropy(self.model.fuse(fundus, oct_) + self.prior, target)
            for fundus, oct_, target in views
            if len(target)
        ]
        return torch.stack(losses).mean() if losses else features.fundus.sum() * 0.0


@dataclass
class AlignmentLoss:
    """Teach the predictors to land on partners of the same class, in both directions.

    Features enter detached: the predictors alone learn from it (method, section 3).
    """

    model: RIMA
    own: BatchPartners | None
    bank: Mapping[Modality, BankPartners]
    name: str = "alignment"

    def __call__(self, features: Features, labels: Tensor) -> Tensor:
        """Return the sum of both directions, over all cases that found a partner."""
        fundus = features.fundus[features.has_fundus].detach()
        oct_ = features.oct[features.has_oct].detach()
        fundus_labels, oct_labels = labels[features.has_fundus], labels[features.has_oct]
        if len(fundus) and len(oct_) and self.own is not None:
            to_oct, to_fundus = self.own.draw(fundus, oct_, fundus_labels, oct_labels)
            return self._towards_oct(
                fundus[to_oct >= 0], oct_[to_oct[to_oct >= 0]]
            ) + self._towards_fundus(oct_[to_fundus >= 0], fundus[to_fundus[to_fundus >= 0]])
        loss = features.fundus.sum() * 0.0
        if len(fundus) and "oct" in self.bank:
            partners, found = self.bank["oct"].draw(fundus, fundus_labels)
            loss = loss + self._both_ways(fundus[found], partners[found])
        if len(oct_) and "fundus" in self.bank:
            partners, found = self.bank["fundus"].draw(oct_, oct_labels)
            loss = loss + self._both_ways(partners[found], oct_[found])
        return loss

    def _both_ways(self, fundus: Tensor, oct_: Tensor) -> Tensor:
        return self._towards_oct(fundus, oct_) + self._towards_fundus(oct_, fundus)

    def _towards_oct(self, fundus: Tensor, targets: Tensor) -> Tensor:
        return alignment_loss(self.model.fundus2oct(fundus), targets)

    def _towards_fundus(self, oct_: Tensor, targets: Tensor) -> Tensor:
        return alignment_loss(self.model.oct2fundus(oct_), targets)
