"""Bayes correction: from the class shares a posterior was made for to those of a hospital."""

import numpy as np
from numpy.typing import NDArray

from clients.onboarding.archive import shares
from fed.protocol import Bank

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

EM_STEPS = 100


def normalised(values: Matrix) -> Matrix:
    """Return log probabilities ``(n, K)``: `values` less what makes each row sum to 1."""
    return values - np.logaddexp.reduce(values, axis=1, keepdims=True)


def weigh(evidence: Matrix, prior: Vector) -> Matrix:
    """Return log posteriors ``(n, K)`` under `prior`.

    Parameters
    ----------
    evidence : ndarray
        ``(n, K)`` log likelihoods, or log posteriors under even class shares.
    prior : ndarray
        ``(K,)`` class shares.

    Notes
    -----
    ``log p(c | x) = log p(x | c) + log pi_c + constant`` (Saerens, Latinne and Decaestecker 2002,
    equation 2.4).
    """
    return normalised(evidence + np.log(prior))


def evidence_of(posteriors: Matrix, prior: Vector) -> Matrix:
    """Return log likelihoods ``(n, K)``, up to a constant a case, of what was weighed by `prior`."""
    return normalised(posteriors - np.log(prior))


def estimated_shares(evidence: Matrix) -> Vector:
    """Estimate class shares ``(K,)`` from unlabelled cases by expectation maximisation.

    Parameters
    ----------
    evidence : ndarray
        ``(N, K)`` log likelihoods of the archive; without a case, shares are even.

    Notes
    -----
    Saerens, Latinne and Decaestecker 2002, with the pseudo-counts of `shares`. It trusts the
    model: where devices differ from all that were trained on, it counts the model's mistakes.
    """
    classes = evidence.shape[1]
    found = np.full(classes, 1.0 / classes)
    for _ in range(EM_STEPS):
        found = shares(np.exp(weigh(evidence, found)).sum(axis=0))
    return found


def training_shares(bank: Bank, classes: int, even: bool) -> Vector:
    """Return the class shares ``(K,)`` that a model's answers are made for.

    Parameters
    ----------
    even : bool
        Whether the loss takes every site's shares out (`Loss.even_shares`); otherwise they are
        those of the training cases, as the bank counts them.
    """
    if even:
        return np.full(classes, 1.0 / classes)
    counts = np.zeros(classes)
    for prototypes in bank.values():
        counts += np.bincount(prototypes.labels, prototypes.counts, minlength=classes)
    return shares(counts)
