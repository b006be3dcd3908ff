"""Share of correct grades."""

from dataclasses import dataclass
from typing import ClassVar

from fed.metrics._base import Aspect, Metric
from fed.metrics._sample import Vector, WeightedSample


@dataclass(frozen=True)
class Accuracy(Metric):
    """Share of cases whose most probable class is the true one."""

    title: ClassVar[str] = "Accuracy"
    meaning: ClassVar[str] = "share graded correctly"
    aspect: ClassVar[Aspect] = "grades"

    def __call__(self, sample: WeightedSample) -> Vector:
        """Return the share (replicates,)."""
        return sample.hits.sum(axis=0) / sample.total
