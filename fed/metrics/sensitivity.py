"""True positive rate."""

from dataclasses import dataclass
from typing import ClassVar

from fed.metrics._base import Aspect, Metric
from fed.metrics._sample import Vector, WeightedSample, ratio


@dataclass(frozen=True)
class Sensitivity(Metric):
    """Of two classes the recall of the second; of more, the mean over the classes that occur."""

    title: ClassVar[str] = "Sensitivity"
    meaning: ClassVar[str] = "share of eyes with a grade given it, mean over grades"
    aspect: ClassVar[Aspect] = "grades"

    def __call__(self, sample: WeightedSample) -> Vector:
        """Return the rate (replicates,)."""
        recall = ratio(sample.hits, sample.true)
        return recall[1] if sample.classes == 2 else recall[sample.sample.occurs].mean(axis=0)

    def titled(self, classes: int) -> str:
        """Say that it is a mean where it is one."""
        return self.title if classes == 2 else f"{self.title}, macro"

    def explained(self, classes: int) -> str:
        """Say which class it is of."""
        return "share of eyes of the second class found" if classes == 2 else self.meaning
