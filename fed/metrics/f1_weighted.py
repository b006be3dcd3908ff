"""F1, classes counting by their frequency."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fed.metrics._base import Aspect, Metric
from fed.metrics._f1 import f1_by_class
from fed.metrics._sample import Vector, WeightedSample


@dataclass(frozen=True)
class F1Weighted(Metric):
    """F1 averaged by true frequency."""

    title: ClassVar[str] = "F1, weighted"
    meaning: ClassVar[str] = "the same, grades counting by their frequency"
    aspect: ClassVar[Aspect] = "grades"

    def __call__(self, sample: WeightedSample) -> Vector:
        """Return the mean (replicates,)."""
        parts = np.where(sample.true > 0, f1_by_class(sample) * sample.true, 0.0)
        return parts.sum(axis=0) / sample.total
