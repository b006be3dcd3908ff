"""True negative rate."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fed.metrics._base import Aspect, Metric
from fed.metrics._sample import Vector, WeightedSample, ratio


@dataclass(frozen=True)
class Specificity(Metric):
    """Of two classes the share of cases outside the second not graded as it; of more, the mean.

    The mean is over the classes that have cases outside.
    """

    title: ClassVar[str] = "Specificity"
    meaning: ClassVar[str] = "share of eyes without a grade not given it, mean over grades"
    aspect: ClassVar[Aspect] = "grades"

    def __call__(self, sample: WeightedSample) -> Vector:
        """Return the rate (replicates,)."""
        false_positives = sample.predicted - sample.hits
        rates = 1 - ratio(false_positives, sample.total - sample.true)
        if sample.classes == 2:
            return rates[1]
        occurs = sample.sample.occurs
        has_others = ~occurs if occurs.sum() == 1 else np.ones_like(occurs)
        return rates[has_others].mean(axis=0)

    def titled(self, classes: int) -> str:
        """Say that it is a mean where it is one."""
        return self.title if classes == 2 else f"{self.title}, macro"

    def explained(self, classes: int) -> str:
        """Say which class it is of."""
        return "share of eyes of the first class left alone" if classes == 2 else self.meaning
