"""Brier score."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fed.metrics._base import Aspect, Metric
from fed.metrics._sample import Vector, WeightedSample


@dataclass(frozen=True)
class Brier(Metric):
    """Squared distance to the one-hot label, halved for two classes as in scikit-learn."""

    title: ClassVar[str] = "Brier score"
    meaning: ClassVar[str] = "squared error of the probabilities"
    higher_is_better: ClassVar[bool] = False
    aspect: ClassVar[Aspect] = "probabilities"

    def __call__(self, sample: WeightedSample) -> Vector:
        """Return the mean (replicates,)."""
        cases = sample.sample
        truth = np.eye(sample.classes)[cases.labels]
        distance = ((cases.probabilities - truth) ** 2).sum(axis=1)
        return sample.mean(distance / 2 if sample.classes == 2 else distance)
