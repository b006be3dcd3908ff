"""F1 of each class, which two metrics average."""

from fed.metrics._sample import Matrix, WeightedSample, ratio


def f1_by_class(sample: WeightedSample) -> Matrix:
    """Return F1 by class (K, replicates); NaN where the class neither occurs nor is predicted."""
    return ratio(2 * sample.hits, sample.true + sample.predicted)
