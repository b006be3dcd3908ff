"""Recall, every class counting alike."""

from dataclasses import dataclass
from typing import ClassVar

from fed.metrics._base import Aspect, Metric
from fed.metrics._sample import Vector, WeightedSample, ratio


@dataclass(frozen=True)
class BalancedAccuracy(Metric):
    """Mean recall of the classes that occur."""

    title: ClassVar[str] = "Balanced accuracy"
    meaning: ClassVar[str] = "share graded correctly, every grade counting alike"
    aspect: ClassVar[Aspect] = "grades"

    def __call__(self, sample: WeightedSample) -> Vector:
        """Return the mean recall (replicates,); NaN where a class was not drawn."""
        return ratio(sample.hits, sample.true)[sample.sample.occurs].mean(axis=0)
