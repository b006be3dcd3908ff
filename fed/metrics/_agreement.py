"""Agreement beyond chance, which two metrics weigh differently."""

import numpy as np

from fed.metrics._sample import Matrix, Vector, WeightedSample, ratio


def beyond_chance(sample: WeightedSample, disagreement: Matrix) -> Vector:
    """Return Cohen's kappa (replicates,) with the cost of each disagreement (K, K).

    Cohen 1960, 1968. Undefined where all cases are of one class.
    """
    return agreement(sample.counts, disagreement)


def agreement(counts: Matrix, disagreement: Matrix) -> Vector:
    """Return the same from confusion matrices (true, predicted, replicates)."""
    true, predicted, total = counts.sum(axis=1), counts.sum(axis=0), counts.sum(axis=(0, 1))
    observed = np.einsum("ij,ijr->r", disagreement, counts)
    expected = np.einsum("ij,ir,jr->r", disagreement, true, predicted) / total
    one_class = true.max(axis=0) == total
    return np.where(one_class, np.nan, 1 - ratio(observed, expected))
