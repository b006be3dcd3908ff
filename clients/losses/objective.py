"""What every loss gives, and the label prior that cross-entropies are adjusted by."""

from typing import Protocol

import torch
from torch import Tensor

from model.rima import Features


class Objective(Protocol):
    """A named loss of a batch of features, as the encoders give them."""

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
