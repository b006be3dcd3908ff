"""Means over seeds, paired differences and their intervals, and the correction for many of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fed.config.study import MARGIN

CONFIDENCE = 0.95
SIGNIFICANT = 0.05
Verdict = Literal["equivalent", "differs", "undecided"]


@dataclass(frozen=True)
class Mean:
    """A mean over seeds.

    Attributes
    ----------
    n : int
        Values behind it; undefined ones are left out.
    mean : float or None
        None without values.
    sd : float or None
        Standard deviation (n - 1); None with fewer than two values.
    low, high : float or None
        95 % t-interval of the mean; None with fewer than two values.
    """

    n: int
    mean: float | None
    sd: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Difference(Mean):
    """A mean of paired differences; `p` is of the two-sided paired t-test against 0."""

    p: float | None


def mean_over(values: Sequence[float | None]) -> Mean:
    """Return mean, standard deviation and 95 % t-interval: mean ± t(n - 1) sd / sqrt(n)."""
    defined = np.array([value for value in values if value is not None], dtype=np.float64)
    n = len(defined)
    if n == 0:
        return Mean(0, None, None, None, None)
    mean = float(defined.mean())
    if n == 1:
        return Mean(1, mean, None, None, None)
    sd = float(defined.std(ddof=1))
    if sd == 0:
        return Mean(n, mean, sd, mean, mean)
    from scipy import stats  # slow to import, and only where there are seeds to compare

    low, high = stats.t.interval(CONFIDENCE, n - 1, loc=mean, scale=sd / n**0.5)
    return Mean(n, mean, sd, float(low), float(high))


def paired_difference(
    values: Sequence[float | None], reference: Sequence[float | None]
) -> Difference:
    """Compare two methods on the same seeds.

    Parameters
    ----------
    values, reference : sequence
        One number a seed, in the same order; pairs with an undefined one are left out.

    Raises
    ------
    ValueError
        If they are not of one length.
    """
    differences = [
        None if value is None or other is None else value - other
        for value, other in zip(values, reference, strict=True)
    ]
    over = mean_over(differences)
    return Difference(over.n, over.mean, over.sd, over.low, over.high, _p_value(over))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Correct the p-values of a table for their number (Holm, 1979).

    The i-th smallest of m is multiplied by m - i + 1, and none may be below one before it. What has
    no p-value is no test and does not count.
    """
    tests = [i for i, p in enumerate(p_values) if p is not None]
    corrected: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, i in enumerate(sorted(tests, key=lambda i: p_values[i] or 0.0)):
        largest = max(largest, min(1.0, (len(tests) - rank) * (p_values[i] or 0.0)))
        corrected[i] = largest
    return corrected


def equivalence(over: Mean, margin: float = MARGIN) -> float | None:
    """Return the p-value of two one-sided t-tests (Schuirmann, 1987).

    Small where the true difference lies between ``-margin`` and ``margin`` beyond doubt: the larger
    of the p-values against each end.
    """
    if over.mean is None or over.sd is None:
        return None
    if over.sd == 0:
        return 0.0 if abs(over.mean) < margin else 1.0
    from scipy import stats

    nearest = (margin - abs(over.mean)) / (over.sd / over.n**0.5)
    return float(stats.t.sf(nearest, over.n - 1))


def verdict(difference: Difference, p: float | None, margin: float = MARGIN) -> Verdict:
    """Return what a paired comparison says.

    Parameters
    ----------
    p : float or None
        Of the difference, corrected where it is one of many.
    margin : float
        Within which two methods are equivalent. A difference that is certain and yet within it is
        called equivalent.
    """
    alike = equivalence(difference, margin)
    if alike is not None and alike < SIGNIFICANT:
        return "equivalent"
    return "differs" if p is not None and p < SIGNIFICANT else "undecided"


def _p_value(over: Mean) -> float | None:
    if over.mean is None or over.sd is None:
        return None
    if over.sd == 0:  # every seed says the same: 0 is no difference, else a certain one
        return 1.0 if over.mean == 0 else 0.0
    from scipy import stats

    t = over.mean / (over.sd / over.n**0.5)
    return float(2 * stats.t.sf(abs(t), over.n - 1))
