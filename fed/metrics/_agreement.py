"""Agreement beyond chance, which two metrics weigh differently."""

import numpy as np

from fed.metrics._sample import Matrix, Vector, WeightedSample, ratio


def beyond_chance(sample: WeightedSample, disagreement: Matrix) -> Vector:
    """Return Cohen's kappa (replicates,) with the cost of each disagreement (K, K).

    Cohen 1960, 1968. Undefined where all cases are of one class.
    """
    observed = np.einsum("ij,ijr->r", disagreement, sample.counts)
    expected = np.einsum("ij,ir,jr->r", disagreement, sample.true, sample.predicted) / sample.total
    one_class = sample.true.max(axis=0) == sample.total
    return np.where(one_class, np.nan, 1 - ratio(observed, expected))
