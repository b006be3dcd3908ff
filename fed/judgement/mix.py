"""Answers made for one mix of grades, corrected for another."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from fed.config import Config
from fed.sites import SiteCard

Vector = NDArray[np.float64]

PSEUDO_COUNT = 0.5
"""Added to each class, as Jeffreys' prior does: a grade that nobody has yet is rare, not ruled out."""


def shares(counts: Sequence[float] | Vector) -> Vector:
    """Return the share of each class ``(K,)`` to expect of cases like those counted."""
    smoothed = np.asarray(counts, dtype=np.float64) + PSEUDO_COUNT
    return np.asarray(smoothed / smoothed.sum())


def assumed_mix(config: Config, cards: Iterable[SiteCard]) -> Vector:
    """Return the mix of grades ``(K,)`` that a model's answers are made for.

    Even where the loss takes every site's shares out (`Loss.even_shares`), otherwise that of all
    training cases.
    """
    classes = len(config.task.classes)
    if config.method.loss.even_shares:
        return np.full(classes, 1.0 / classes)
    training = [card for card in cards if card.role == "train"]
    counts = [np.array(n) for card in training for n in card.cases.values()]
    return shares(np.sum(counts, axis=0) if counts else np.zeros(classes))


def corrected(probabilities: Vector, assumed: Vector, mix: Vector) -> Vector:
    """Return class probabilities ``(n, K)`` for another mix of grades.

    Bayes' rule with the assumed mix taken out: ``p_k mix_k / assumed_k``, normalised (Saerens,
    Latinne and Decaestecker 2002, equation 2.4).

    Parameters
    ----------
    probabilities : array (n, K)
    assumed, mix : array (K,)
        Positive, and not negative; each sums to 1.
    """
    weighed = probabilities * (mix / assumed)
    total = weighed.sum(axis=1, keepdims=True)
    # A case of which every possible grade is ruled out is left with the mix alone.
    even = np.broadcast_to(mix, weighed.shape)
    return np.divide(weighed, total, out=even.copy(), where=total > 0)
