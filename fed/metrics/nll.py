"""Negative log-likelihood."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fed.metrics._base import Aspect, Metric
from fed.metrics._sample import Vector, WeightedSample


@dataclass(frozen=True)
class Nll(Metric):
    """Mean negative log of the probability given to the true class, clipped as scikit-learn does."""

    title: ClassVar[str] = "Log loss"
    meaning: ClassVar[str] = "cost of the probability given to the true grade"
    higher_is_better: ClassVar[bool] = False
    aspect: ClassVar[Aspect] = "probabilities"

    def __call__(self, sample: WeightedSample) -> Vector:
        """Return the mean (replicates,)."""
        cases = sample.sample
        epsilon = np.finfo(np.float64).eps
        likelihood = cases.probabilities[np.arange(len(cases)), cases.labels]
        return sample.mean(-np.log(np.clip(likelihood, epsilon, 1 - epsilon)))
