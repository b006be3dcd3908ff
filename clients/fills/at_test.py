"""What stands for a missing modality where no label is known: at test, and in modality dropout."""

from fed.config import Method
from model.rima import RIMA, Features

PREDICTED = ("none", "regression", "prototype")
"""Fills that leave it to the predictors; the others leave zeros, the mean."""


def at_test(method: Method, model: RIMA, features: Features) -> Features:
    """Return standardised features to fuse, with nothing missing."""
    return model.predicted(features) if method.fill in PREDICTED else features
