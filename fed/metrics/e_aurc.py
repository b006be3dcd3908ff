"""Excess area under the risk-coverage curve."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fed.metrics._base import Aspect, Metric
from fed.metrics._sample import Vector, WeightedSample
from fed.metrics.accuracy import Accuracy
from fed.metrics.aurc import Aurc


@dataclass(frozen=True)
class EAurc(Metric):
    """Risk-coverage area above the least possible at the same error rate (Geifman et al. 2019)."""

    title: ClassVar[str] = "Excess AURC"
    meaning: ClassVar[str] = "the same, above what a perfect order would leave"
    higher_is_better: ClassVar[bool] = False
    aspect: ClassVar[Aspect] = "referral"

    def __call__(self, sample: WeightedSample) -> Vector:
        """Return the excess (replicates,)."""
        risk = 1 - sample.value(Accuracy())
        kept = 1 - risk
        least = risk + kept * np.log(np.where(kept > 0, kept, 1.0))
        return sample.value(Aurc()) - least
