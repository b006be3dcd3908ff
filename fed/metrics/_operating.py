"""Yes or no, of two classes: where to cut the probability of the second, and what comes of it."""

import math
from collections.abc import Sequence

import numpy as np

from fed.metrics._bootstrap import Interval, bootstrap_of
from fed.metrics._sample import (
    Labels,
    Measure,
    Probabilities,
    Sample,
    Vector,
    WeightedSample,
    checked,
    ratio,
)


def threshold_for(sensitivity: float, labels: Labels, probabilities: Probabilities) -> float | None:
    """Return the largest threshold at which enough cases of the second class are found.

    Parameters
    ----------
    sensitivity : float
        Share of them that is at or above it, at least.
    labels : array (n,)
    probabilities : array (n, 2)

    Returns
    -------
    float or None
        None without cases of the class.
    """
    labels, probabilities = checked(labels, probabilities)
    ill = np.sort(probabilities[labels == 1, 1])[::-1]
    if not len(ill):
        return None
    # A share such as 0.9 of 10 must not become 10 by rounding.
    needed = math.ceil(sensitivity * len(ill) - 1e-9)
    return float(ill[max(needed, 1) - 1])


def at_threshold(
    threshold: float,
    labels: Labels,
    probabilities: Probabilities,
    patients: Sequence[object],
    sites: Sequence[object],
    replicates: int,
    generator: np.random.Generator,
) -> dict[str, tuple[float | None, Interval]]:
    """Return the figures of a test that says yes at or above a threshold, with their intervals.

    Returns
    -------
    dict
        ``sensitivity``, ``specificity``, ``positive_predictive_value`` and
        ``negative_predictive_value``: value and 95 % interval (see `bootstrap`); None where undefined.
    """
    labels, probabilities = checked(labels, probabilities)
    said = np.eye(2)[(probabilities[:, 1] >= threshold).astype(int)]
    intervals = bootstrap_of(labels, said, patients, sites, FIGURES, replicates, generator)
    once = WeightedSample(Sample(labels, said), np.ones((len(labels), 1)))
    values = {name: measure(once)[0] for name, measure in FIGURES.items()}
    return {
        name: (float(value) if np.isfinite(value) else None, intervals[name])
        for name, value in values.items()
    }


def _share(of: int, among: str) -> Measure:
    """Return the measure: of the cases that are, or are said to be, of a class, those that are both."""

    def measure(sample: WeightedSample) -> Vector:
        return ratio(sample.hits[of], getattr(sample, among)[of])

    return measure


FIGURES: dict[str, Measure] = {
    "sensitivity": _share(1, "true"),
    "specificity": _share(0, "true"),
    "positive_predictive_value": _share(1, "predicted"),
    "negative_predictive_value": _share(0, "predicted"),
}
