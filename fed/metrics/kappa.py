"""Cohen's kappa."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fed.metrics._agreement import beyond_chance
from fed.metrics._base import Aspect, Metric
from fed.metrics._sample import Vector, WeightedSample


@dataclass(frozen=True)
class Kappa(Metric):
    """Agreement beyond chance, every disagreement costing alike (Cohen 1960)."""

    title: ClassVar[str] = "Kappa"
    meaning: ClassVar[str] = "agreement beyond chance (Cohen)"
    aspect: ClassVar[Aspect] = "grades"

    def __call__(self, sample: WeightedSample) -> Vector:
        """Return the agreement (replicates,)."""
        return beyond_chance(sample, 1 - np.eye(sample.classes))
