"""Area under the risk-coverage curve."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fed.metrics._base import Aspect, Metric
from fed.metrics._sample import Vector, WeightedSample


@dataclass(frozen=True)
class Aurc(Metric):
    """Error rate of the cases accepted, the surest first, mean over how many are accepted.

    Geifman et al. 2019, with the largest probability as confidence; cases of equal confidence count
    as accepted in random order.
    """

    title: ClassVar[str] = "AURC"
    meaning: ClassVar[str] = "error left when the least sure eyes are referred first"
    higher_is_better: ClassVar[bool] = False
    aspect: ClassVar[Aspect] = "referral"

    def __call__(self, sample: WeightedSample) -> Vector:
        """Return the area (replicates,).

        A group of w cases of equal confidence with error rate e, accepted after N cases with E
        errors, adds sum_j (E + e j) / (N + j), j = 1 .. w, which is e w + (E - e N) (H(N + w) -
        H(N)) with the harmonic numbers H.
        """
        ranking = sample.sample.by_confidence
        drawn = ranking.grouped(sample.weights)
        errors = ranking.grouped(sample.weights * ~sample.sample.correct[:, None])
        after = np.cumsum(drawn, axis=0).astype(np.int64)
        harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, after[-1].max() + 1))])
        before = np.vstack([np.zeros_like(after[:1]), after[:-1]])
        errors_before = np.cumsum(errors, axis=0) - errors
        rate = np.divide(errors, drawn, out=np.zeros_like(errors), where=drawn > 0)
        steps = errors + (errors_before - rate * before) * (harmonic[after] - harmonic[before])
        return steps.sum(axis=0) / sample.total
