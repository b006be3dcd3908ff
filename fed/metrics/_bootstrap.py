"""95 % confidence intervals, by resampling sites and, within them, patients."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

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
    sites: Sequence[object],
    metrics: Mapping[str, Measure],
    replicates: int,
    generator: np.random.Generator,
) -> dict[str, Interval]:
    """Return the interval of each metric; see `fed.metrics.bootstrap`."""
    if not len(labels) == len(patients) == len(sites):
        raise ValueError(
            f"a patient and a site for each of {len(labels)} cases expected, got {len(patients)} "
            f"and {len(sites)}"
        )
    if not np.isfinite(probabilities).all():
        return dict.fromkeys(metrics, (None, None))
    sample = Sample(labels, probabilities)
    values: dict[str, list[Vector]] = {name: [] for name in metrics}
    for weights in resamples(patients, sites, replicates, generator):
        weighted = WeightedSample(sample, weights)
        for name, metric in metrics.items():
            values[name].append(weighted.value(metric))
    return {name: interval_of(parts) for name, parts in values.items()}


def resamples(
    patients: Sequence[object],
    sites: Sequence[object],
    replicates: int,
    generator: np.random.Generator,
) -> Iterator[Matrix]:
    """Draw sites with replacement, and within each drawn site its patients; yield weights.

    Parameters
    ----------
    patients : sequence (n,)
        Whose case it is; an id counts within its site.
    sites : sequence (n,)
    replicates : int
    generator : numpy.random.Generator

    Yields
    ------
    array (n, m)
        How often each case counts, in blocks of m resamples; nothing of fewer than two patients,
        which say nothing about spread.

    Notes
    -----
    With one site this is the bootstrap over patients. With several, their differences count into
    the spread, as they do for a site that is not among them (two-stage bootstrap, Davison and
    Hinkley 1997, section 3.8).
    """
    _, place = np.unique(np.asarray(sites), return_inverse=True)
    rows = [np.flatnonzero(place == number) for number in range(place.max(initial=-1) + 1)]
    ids = np.asarray(patients)
    owners = [np.unique(ids[own], return_inverse=True)[1] for own in rows]
    numbers = [int(owner.max()) + 1 for owner in owners]
    if sum(numbers) < 2:
        return
    block = max(1, BLOCK // len(place))
    for start in range(0, replicates, block):
        size = min(block, replicates - start)
        drawn = _drawn(len(rows), np.ones(size, np.int64), generator)
        weights = np.empty((len(place), size))
        for own, owner, number, times in zip(rows, owners, numbers, drawn, strict=True):
            weights[own] = _drawn(number, times, generator)[owner]
        yield weights


def _drawn(
    members: int, times: NDArray[np.int64], generator: np.random.Generator
) -> NDArray[np.int64]:
    """Draw as many members as there are, with replacement and several times over.

    Parameters
    ----------
    times : array (replicates,)

    Returns
    -------
    array (members, replicates)
        How often each was drawn.
    """
    drawn = generator.integers(members, size=members * int(times.sum()))
    drawn += np.repeat(np.arange(len(times)) * members, times * members)
    counts = np.bincount(drawn, minlength=len(times) * members)
    return counts.reshape(len(times), members).T


def patients_of_sites(patients: Sequence[str], sites: Sequence[str]) -> list[str]:
    """Return a name for the patient of each case that tells sites apart.

    A patient's id counts within its site: the ``7`` of one hospital is not the ``7`` of another.
    Names sort by patient first, so that ids that are unique anyway keep their order.
    """
    return [f"{patient}\0{site}" for patient, site in zip(patients, sites, strict=True)]


def interval_of(blocks: Iterable[Vector]) -> Interval:
    """Return the 95 % percentile interval of replicates; those that are undefined are left out."""
    values = np.concatenate([np.zeros(0), *blocks])
    defined = values[np.isfinite(values)]
    if len(defined) < 2:
        return None, None
    low, high = np.percentile(defined, TAILS)
    return float(low), float(high)
