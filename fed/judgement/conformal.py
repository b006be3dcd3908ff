"""Split conformal prediction: sets of grades that hold the true one with a promised probability.

Of ``n`` graded eyes the non-conformity of each is one less the probability of its true grade. With
``q`` the ``ceil((n + 1) coverage)``-th smallest of them, the grades of probability at least ``1 - q``
hold the true one with at least the promised probability, whatever the model, for an eye drawn as the
graded ones were (Vovk, Gammerman and Shafer 2005; Sadinle, Lei and Wasserman 2019, whose sets are the
smallest on average). The most probable grade is always in the set, which can only help.
"""

import math

import numpy as np
from numpy.typing import NDArray

from fed.metrics import Interval

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

CONFIDENCE = 0.95
ROUNDING = 1e-9
"""A share such as 0.9 of 10 must not become 10 by rounding."""


def rank_of(n: int, coverage: float) -> int:
    """Return which of n sorted non-conformities is the quantile: ``ceil((n + 1) coverage)``.

    Above n there is no such one: only sets of all grades can promise the coverage.
    """
    return math.ceil((n + 1) * coverage - ROUNDING)


def fewest(coverage: float) -> int:
    """Return how many eyes it takes at least for sets of less than all grades."""
    return math.ceil(coverage / (1 - coverage) - ROUNDING)


def threshold_of(labels: NDArray[np.int64], probabilities: Matrix, coverage: float) -> float:
    """Return the least probability of a grade that is in the set.

    Parameters
    ----------
    labels : array (n,)
        Of eyes that are calibrated on.
    probabilities : array (n, K)
    coverage : float
        Between 0 and 1.

    Returns
    -------
    float
        0, which lets every grade in, with too few eyes.
    """
    rank = rank_of(len(labels), coverage)
    if rank > len(labels):
        return 0.0
    true = probabilities[np.arange(len(labels)), labels]
    return float(np.sort(true)[::-1][rank - 1])


def sets_of(probabilities: Matrix, threshold: float) -> NDArray[np.bool_]:
    """Return which grades are in the set of each eye (n, K); the most probable one always is."""
    found = probabilities >= threshold
    found[np.arange(len(found)), probabilities.argmax(axis=1)] = True
    return found


def coverage_by_luck(n: int, coverage: float) -> tuple[float, float, float]:
    """Return the coverage that n calibration eyes give: expected, and 2.5 % and 97.5 % of draws.

    Over all eyes like those, the coverage of one calibration is itself drawn, from a Beta
    distribution with ``k`` and ``n + 1 - k``, k the rank (Vovk 2012), where non-conformities are
    distinct. 1 where sets hold all grades.
    """
    rank = rank_of(n, coverage)
    if rank > n:
        return 1.0, 1.0, 1.0
    from scipy import stats  # a second, which a start without sets need not pay

    low, high = stats.beta.ppf([(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], rank, n + 1 - rank)
    return rank / (n + 1), float(low), float(high)


def binomial_interval(successes: int, n: int) -> Interval:
    """Return the exact 95 % interval of a share (Clopper and Pearson 1934)."""
    if not n:
        return None, None
    from scipy import stats

    found = stats.binomtest(successes, n).proportion_ci(CONFIDENCE, method="exact")
    return float(found.low), float(found.high)
