"""True positive rate where one in ten of the others is called ill."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fed.metrics._base import Aspect, Metric
from fed.metrics._sample import Vector, WeightedSample, ratio

SPECIFICITY = 0.9


@dataclass(frozen=True)
class SensitivityAt90(Metric):
    """Sensitivity at a specificity of at least 0.9, one class against the rest, mean over classes.

    The best that a threshold on the probability gives while at least nine in ten of the other cases
    stay below it. The threshold is that of the cases judged, so the figure is of the order of the
    cases alone, as the area under the curve is. Undefined where all cases are of one class.
    """

    title: ClassVar[str] = "Sensitivity at 90 % specificity"
    meaning: ClassVar[str] = (
        "share of eyes of a grade found when 9 in 10 of the others are left alone, mean over grades"
    )
    aspect: ClassVar[Aspect] = "order"

    def __call__(self, sample: WeightedSample) -> Vector:
        """Return the rate (replicates,)."""
        if not sample.sample.one_vs_rest:
            return sample.undefined()
        rates = []
        for inside, ranking in sample.sample.one_vs_rest:
            found = _from_the_top(ranking.grouped(sample.weights * inside[:, None]))
            called = _from_the_top(ranking.grouped(sample.weights * ~inside[:, None]))
            # Rounding must not make of 9 in 10 a little less.
            allowed = ratio(called, called[-1]) <= 1 - SPECIFICITY + 1e-9
            rates.append(ratio(np.where(allowed, found, 0.0).max(axis=0), found[-1]))
        return np.mean(rates, axis=0)


def _from_the_top(weights: Vector) -> Vector:
    """Return the weight at or above each score, the highest first."""
    return np.cumsum(weights[::-1], axis=0)
