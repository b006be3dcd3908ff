"""Area under the ROC curve."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fed.metrics._base import Aspect, Metric
from fed.metrics._sample import Vector, WeightedSample, ratio


@dataclass(frozen=True)
class Auc(Metric):
    """Area under the ROC curve, one class against the rest, mean over the classes that occur.

    The weighted Mann-Whitney statistic: the chance that a case of the class has a higher probability
    for it than a case of another; ties count half. Undefined where all cases are of one class.
    """

    title: ClassVar[str] = "AUC"
    meaning: ClassVar[str] = (
        "chance that an eye of a grade is ranked above an eye of another grade; 0.5 is luck"
    )
    aspect: ClassVar[Aspect] = "order"

    def __call__(self, sample: WeightedSample) -> Vector:
        """Return the area (replicates,)."""
        if not sample.sample.one_vs_rest:
            return sample.undefined()
        areas = []
        for inside, ranking in sample.sample.one_vs_rest:
            positive = ranking.grouped(sample.weights * inside[:, None])
            negative = ranking.grouped(sample.weights * ~inside[:, None])
            below = np.cumsum(negative, axis=0) - negative / 2
            pairs = positive.sum(axis=0) * negative.sum(axis=0)
            areas.append(ratio(np.einsum("gr,gr->r", positive, below), pairs))
        return np.mean(areas, axis=0)
