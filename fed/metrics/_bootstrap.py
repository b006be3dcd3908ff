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
    return {name: interval_of(np.concatenate(parts)) for name, parts in values.items()}


def multiplicities(patients: int, replicates: int, generator: np.random.Generator) -> Matrix:
    """Draw patients with replacement; return how often each was drawn (patients, replicates)."""
    drawn = generator.integers(patients, size=(replicates, patients))
    drawn += np.arange(replicates)[:, None] * patients
    counts = np.bincount(drawn.ravel(), minlength=replicates * patients)
    return np.ascontiguousarray(counts.reshape(replicates, patients).T, dtype=np.float64)


def multiplicities_within(
    patients: Sequence[object],
    sites: Sequence[str],
    replicates: int,
    generator: np.random.Generator,
) -> Matrix:
    """Draw sites with replacement, and within each drawn site its patients; return weights.

    Parameters
    ----------
    patients : sequence (n,)
        Whose case it is; a patient is at one site. See `patients_of_sites`.
    sites : sequence (n,)
    replicates : int
    generator : numpy.random.Generator

    Returns
    -------
    array (n, replicates)
        How often each case counts. With one site this is the bootstrap over patients; with several,
        their differences count into the spread, as they do for a site that is not among them
        (two-stage bootstrap, Davison and Hinkley 1997, section 3.8).
    """
    places, place = np.unique(np.asarray(sites), return_inverse=True)
    owners, owner = np.unique(np.asarray(patients), return_inverse=True)
    drawn = multiplicities(len(places), replicates, generator).astype(np.int64)
    weights = np.zeros((len(owners), replicates))
    for number, times in enumerate(drawn):
        here = np.unique(owner[place == number])
        counts = generator.multinomial(times * len(here), np.full(len(here), 1 / len(here)))
        weights[here] = counts.T
    return np.ascontiguousarray(weights[owner])


def patients_of_sites(patients: Sequence[str], sites: Sequence[str]) -> list[str]:
    """Return a name for the patient of each case that tells sites apart.

    A patient's id counts within its site: the ``7`` of one hospital is not the ``7`` of another.
    Names sort by patient first, so that ids that are unique anyway keep their order.
    """
    return [f"{patient}\0{site}" for patient, site in zip(patients, sites, strict=True)]


def interval_of(values: Vector) -> Interval:
    """Return the 95 % percentile interval of replicates; those that are undefined are left out."""
    defined = values[np.isfinite(values)]
    if len(defined) < 2:
        return None, None
    low, high = np.percentile(defined, TAILS)
    return float(low), float(high)
