"""Graded cases for the tests of metrics and report."""

import numpy as np
from numpy.typing import NDArray


def graded(
    n: int, classes: int, seed: int, ties: bool = False, skill: float = 1.5
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return labels, every class among them, and probabilities that lean towards them."""
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), rng.integers(classes, size=n - classes)])
    logits = rng.normal(size=(n, classes)) + skill * np.eye(classes)[labels]
    if ties:
        logits = np.round(logits)
    weights = np.exp(logits)
    return labels, weights / weights.sum(axis=1, keepdims=True)
