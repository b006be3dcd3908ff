"""What every way to fill a missing modality gives."""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from fed.config import Method
from model.rima import RIMA, Features

PREDICTED = ("none", "regression", "prototype")
"""Fills that leave it to the predictors where no label is known; the others leave zeros."""


@dataclass(frozen=True)
class Completed:
    """Features of both modalities for every case that has or was given them.

    Attributes
    ----------
    fundus, oct : Tensor
        ``(n, dx)`` and ``(n, dy)``, standardised.
    usable : Tensor
        ``(n,)``, bool: False where a modality is missing and nothing was found to stand for it.
    """

    fundus: Tensor
    oct: Tensor
    usable: Tensor


class Fill(Protocol):
    """Completes a batch of standardised features in training."""

    only_both: bool
    """Whether only cases with both modalities train the fusion."""
    as_seen: bool
    """Whether the expert of a filled modality answers too, as if an image had been seen. A partner
    that is drawn at random may be shown to it; a class mean would tell it the label."""

    def complete(self, features: Features, labels: Tensor) -> Completed:
        """Give each case that lacks a modality what stands for it."""
        ...


def at_test(method: Method, model: RIMA, features: Features) -> Features:
    """Return standardised features with nothing missing, as at test, where no label is known."""
    return model.predicted(features) if method.fill in PREDICTED else features
