"""95 % confidence intervals, by resampling patients."""

from collections.abc import Mapping, Sequence

import numpy as np

from fed.metrics._sample import Labels, Matrix, Measure, Sample, Vector, WeightedSample

Interval = tuple[float | None, float | None]

BLOCK = 1 << 17
"""Weights held at once: a megabyte, so that a block stays in the processor's cache."""
TAILS = (2.5, 97.5)
"""Percentiles that an interval lies between."""


def bootstrap_of(
    labels: Labels,
    probabilities: Vector,
    patients: Sequence[object],
    metrics: Mapping[str, Measure],
    replicates: int,
    generator: np.random.Generator,
) -> dict[str, Interval]:
    """Return the interval of each metric; see `fed.metrics.bootstrap`."""
    owners, owner = np.unique(np.asarray(patients), return_inverse=True)
    if len(owner) != len(labels):
        raise ValueError(f"a patient for each of {len(labels)} cases expected, got {len(owner)}")
    if len(owners) < 2 or replicates < 2 or not np.isfinite(probabilities).all():
        return dict.fromkeys(metrics, (None, None))
    sample = Sample(labels, probabilities)
    block = max(1, BLOCK // len(labels))
    values: dict[str, list[Vector]] = {name: [] for name in metrics}
    for start in range(0, replicates, block):
        drawn = multiplicities(len(owners), min(block, replicates - start), generator)
        weighted = WeightedSample(sample, drawn[owner])
        for name, metric in metrics.items():
            values[name].append(weighted.value(metric))
    return {name: _interval(np.concatenate(parts)) for name, parts in values.items()}


def multiplicities(patients: int, replicates: int, generator: np.random.Generator) -> Matrix:
    """Draw patients with replacement; return how often each was drawn (patients, replicates)."""
    drawn = generator.integers(patients, size=(replicates, patients))
    drawn += np.arange(replicates)[:, None] * patients
    counts = np.bincount(drawn.ravel(), minlength=replicates * patients)
    return np.ascontiguousarray(counts.reshape(replicates, patients).T, dtype=np.float64)


def patients_of_sites(patients: Sequence[str], sites: Sequence[str]) -> list[str]:
    """Return a name for the patient of each case that tells sites apart.

    A patient's id counts within its site: the ``7`` of one hospital is not the ``7`` of another.
    Names sort by patient first, so that ids that are unique anyway keep their order.
    """
    return [f"{patient}\0{site}" for patient, site in zip(patients, sites, strict=True)]


def _interval(values: Vector) -> Interval:
    defined = values[np.isfinite(values)]
    if len(defined) < 2:
        return None, None
    low, high = np.percentile(defined, TAILS)
    return float(low), float(high)
