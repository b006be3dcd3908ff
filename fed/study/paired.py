"""Paired differences of two runs on the cases that both have graded."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fed.metrics import (
    Interval,
    Metric,
    Sample,
    WeightedSample,
    interval_of,
    resamples,
)
from fed.study.shared import Answers, SharedCases

Vector = NDArray[np.float64]


def scores(
    cases: SharedCases, answers: Sequence[Answers], metrics: Mapping[str, Metric], weights: Vector
) -> dict[str, Vector]:
    """Return each metric under each set of weights (replicates,); NaN where it is undefined.

    Where sites keep models of their own, the mean over the models that have a value.

    Parameters
    ----------
    weights : array (n, replicates)
        How often each case counts.
    """
    found: dict[str, list[Vector]] = {name: [] for name in metrics}
    for each in answers:
        sample = Sample(cases.labels[each.rows], each.probabilities)
        weighted = WeightedSample(sample, weights[each.rows])
        with np.errstate(divide="ignore", invalid="ignore"):  # a model none of whose cases is drawn
            for name, metric in metrics.items():
                found[name].append(weighted.value(metric))
    return {name: _mean(np.stack(values)) for name, values in found.items()}


def bootstrap_difference(
    cases: SharedCases,
    metrics: Mapping[str, Metric],
    replicates: int,
    generator: np.random.Generator,
) -> dict[str, Interval]:
    """Return the 95 % interval of each metric of the other run less that of the reference.

    Both runs are judged on the same resamples: sites, and within them patients, with replacement.
    """
    values: dict[str, list[Vector]] = {name: [] for name in metrics}
    for weights in resamples(cases.patients, cases.sites, replicates, generator):
        one, two = (scores(cases, a, metrics, weights) for a in (cases.reference, cases.other))
        for name in metrics:
            values[name].append(two[name] - one[name])
    return {name: interval_of(parts) for name, parts in values.items()}


def _mean(values: Vector) -> Vector:
    """Return the mean over models (replicates,) of the values that are defined."""
    defined = np.isfinite(values)
    count = defined.sum(axis=0)
    total = np.where(defined, values, 0.0).sum(axis=0)
    return np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
