"""Quadratically weighted kappa."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fed.metrics._agreement import beyond_chance
from fed.metrics._base import Aspect, Metric
from fed.metrics._sample import Vector, WeightedSample


@dataclass(frozen=True)
class Qwk(Metric):
    """Agreement beyond chance, a miss costing the square of its distance (Cohen 1968)."""

    title: ClassVar[str] = "Quadratic kappa"
    meaning: ClassVar[str] = "agreement beyond chance; a miss by two grades costs four times one"
    aspect: ClassVar[Aspect] = "grades"

    def __call__(self, sample: WeightedSample) -> Vector:
        """Return the agreement (replicates,)."""
        grades = np.arange(sample.classes, dtype=np.float64)
        return beyond_chance(sample, (grades[:, None] - grades) ** 2)
