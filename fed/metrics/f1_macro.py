"""F1, every class counting alike."""

from dataclasses import dataclass
from typing import ClassVar

from fed.metrics._base import Aspect, Metric
from fed.metrics._f1 import f1_by_class
from fed.metrics._sample import Vector, WeightedSample


@dataclass(frozen=True)
class F1Macro(Metric):
    """Mean F1 of the classes that occur or are predicted."""

    title: ClassVar[str] = "F1, macro"
    meaning: ClassVar[str] = "precision and recall in one, every grade counting alike"
    aspect: ClassVar[Aspect] = "grades"

    def __call__(self, sample: WeightedSample) -> Vector:
        """Return the mean (replicates,)."""
        there = sample.sample.occurs | sample.sample.is_predicted
        return f1_by_class(sample)[there].mean(axis=0)
