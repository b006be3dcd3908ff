"""Expected calibration error, and the bins behind it."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fed.metrics._base import Aspect, Metric
from fed.metrics._sample import Labels, Probabilities, Sample, Vector, WeightedSample, checked

BINS = 15


@dataclass(frozen=True)
class Ece(Metric):
    """Gap between confidence and accuracy, over bins of confidence (Guo et al. 2017).

    Biased upwards in small samples, and more so when resampled: its interval can lie above its value.
    """

    title: ClassVar[str] = "Calibration error"
    meaning: ClassVar[str] = "gap between stated confidence and accuracy"
    higher_is_better: ClassVar[bool] = False
    aspect: ClassVar[Aspect] = "probabilities"

    bins: int = BINS
    """Of equal width over (0, 1]."""

    def __call__(self, sample: WeightedSample) -> Vector:
        """Return the error (replicates,)."""
        cases: Sample = sample.sample
        gaps = np.zeros((self.bins, len(cases)))
        places = _bin_of(cases.confidence, self.bins), np.arange(len(cases))
        gaps[places] = cases.correct - cases.confidence
        return np.abs(gaps @ sample.weights).sum(axis=0) / sample.total


@dataclass(frozen=True)
class Reliability:
    """Confidence against accuracy, in bins of equal width over (0, 1].

    Attributes
    ----------
    edges : array (bins + 1,)
    counts : array (bins,)
        Cases whose confidence, the largest probability, falls in the bin; the upper edge belongs
        to the bin.
    confidence, accuracy : array (bins,)
        Mean confidence and share of correct grades; NaN in an empty bin.
    """

    edges: Vector
    counts: NDArray[np.int64]
    confidence: Vector
    accuracy: Vector


def reliability(labels: Labels, probabilities: Probabilities, bins: int = BINS) -> Reliability:
    """Compare confidence with accuracy in `bins` bins of equal width."""
    sample = Sample(*checked(labels, probabilities))
    places = _bin_of(sample.confidence, bins)
    counts = np.bincount(places, minlength=bins)
    with np.errstate(invalid="ignore"):  # 0 / 0: an empty bin has no mean
        return Reliability(
            edges=np.linspace(0.0, 1.0, bins + 1),
            counts=counts,
            confidence=np.bincount(places, sample.confidence, bins) / counts,
            accuracy=np.bincount(places, sample.correct, bins) / counts,
        )


def _bin_of(confidence: Vector, bins: int) -> NDArray[np.int64]:
    """Return the bin of each confidence; an edge belongs to the bin below it."""
    return np.clip(np.searchsorted(np.linspace(0.0, 1.0, bins + 1), confidence) - 1, 0, bins - 1)
