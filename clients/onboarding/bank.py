"""Posterior of the federation's prototype bank, one modality."""

import numpy as np
from numpy.typing import NDArray

from clients.onboarding.bayes import normalised
from fed.prototypes import Prototypes

Matrix = NDArray[np.float64]

INDEPENDENT = 2.0
"""Independent features that all features of a modality count as: those of a network repeat each
other, and all move together where devices differ, so that plain sums over them are far too sure.
The only choice of onboarding that looked at held-out sites: 1, 2, 4, 8 and 16 on seed 0 of an
earlier demo, 1, 2 and 8 on its seed 1. Figures are reported on other seeds."""
LEAST_VARIANCE = 1e-6


def covers(prototypes: Prototypes, classes: int) -> bool:
    """Return whether every class has a prototype."""
    return len(np.unique(prototypes.labels)) == classes


def bank_evidence(
    features: NDArray[np.floating],
    prototypes: Prototypes,
    classes: int,
    independent: float = INDEPENDENT,
) -> Matrix:
    """Return log posteriors ``(n, K)`` of the bank under even class shares.

    Parameters
    ----------
    features : ndarray
        ``(n, d)`` of one modality.
    prototypes : Prototypes
        At least one of each class.
    independent : float
        Log likelihoods are divided by the temperature ``d / independent``.

    Notes
    -----
    A class is a mixture of Gaussians around its prototypes ``k``, in the shares ``w_k`` of the
    cases behind them, all with the same diagonal variance ``s``, that within prototypes:
    ``log p(x | c) = log sum_k w_k exp(-1/2 sum_d (x_d - m_kd)^2 / s_d)``.
    """
    scale = deviations(prototypes)
    likelihood = np.stack(
        [
            _class_likelihood(features / scale, prototypes.of_class(label), scale)
            for label in range(classes)
        ],
        axis=1,
    )
    return normalised(likelihood * independent / features.shape[1])


def deviations(prototypes: Prototypes) -> NDArray[np.float64]:
    """Return the standard deviation ``(d,)`` of features within prototypes."""
    weights = prototypes.counts.astype(np.float64)
    spread = (weights[:, None] * prototypes.variances).sum(axis=0) / weights.sum()
    return np.sqrt(np.maximum(spread, LEAST_VARIANCE))


def _class_likelihood(
    scaled: NDArray[np.floating], prototypes: Prototypes, scale: NDArray[np.float64]
) -> NDArray[np.float64]:
    distances = ((scaled[:, None] - prototypes.means / scale) ** 2).sum(axis=2)
    weights = prototypes.counts / prototypes.counts.sum()
    return np.logaddexp.reduce(np.log(weights) - distances / 2, axis=1)
