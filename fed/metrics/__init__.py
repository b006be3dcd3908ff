"""How well predicted probabilities grade eyes: one file a metric, named after it.

One rule decides what is undefined: a class-averaged metric averages over the classes for which it
has a value in the data at hand, and it is ``None`` where no class has one. What compares classes
is ``None`` where all cases are of one class. Everything is ``None`` without cases, or when a
probability is not finite.
"""

from collections.abc import Sequence
from importlib import import_module
from inspect import isabstract, isclass
from pkgutil import iter_modules
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fed.errors import ConfigError, nearest
from fed.metrics._agreement import agreement
from fed.metrics._base import Aspect, Metric
from fed.metrics._bootstrap import (
    Interval,
    bootstrap_of,
    interval_of,
    patients_of_sites,
    resamples,
)
from fed.metrics._operating import at_threshold, threshold_for
from fed.metrics._ranks import Ranking
from fed.metrics._sample import (
    Labels,
    Probabilities,
    Sample,
    Vector,
    WeightedSample,
    checked,
)
from fed.metrics.ece import Reliability, reliability

if TYPE_CHECKING:
    from fed.config.schema import Evaluation

__all__ = [
    "Aspect",
    "Interval",
    "Labels",
    "Metric",
    "Probabilities",
    "Ranking",
    "Reliability",
    "Sample",
    "Vector",
    "WeightedSample",
    "agreement",
    "at_threshold",
    "bootstrap",
    "confusion",
    "evaluate",
    "interval_of",
    "measured",
    "metric",
    "names",
    "patients_of_sites",
    "reliability",
    "resamples",
    "threshold_for",
]


def names() -> tuple[str, ...]:
    """Return the names of the metrics of this package, in alphabetical order."""
    return tuple(sorted(m.name for m in iter_modules(__path__) if not m.name.startswith("_")))


def measured(evaluation: "Evaluation") -> tuple[str, ...]:
    """Return the metrics of a run: those that there are, and those the configuration adds."""
    return tuple(dict.fromkeys((*names(), *evaluation.shown, *evaluation.metrics)))


def metric(name: str) -> Metric:
    """Return a metric by its name, or by ``package.module:Class`` where it is one's own.

    Raises
    ------
    ConfigError
        If there is none of the name, or the class cannot be imported or is no metric.
    """
    module, colon, called = name.partition(":")
    if not colon:
        if name not in names():
            raise ConfigError(f"no metric {name!r}{nearest(name, names())}")
        module = f"{__name__}.{name}"
        called = "".join(part.capitalize() for part in name.split("_"))
    try:
        found = getattr(import_module(module), called)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"metric {name!r} cannot be imported: {error}") from None
    if not isclass(found) or not issubclass(found, Metric) or isabstract(found):
        raise ConfigError(f"{name!r} is no metric; allowed: a subclass of {__name__}.Metric")
    return found()


def evaluate(
    labels: Labels, probabilities: Probabilities, metrics: Sequence[str] | None = None
) -> dict[str, float | None]:
    """Score predicted probabilities.

    Parameters
    ----------
    labels : array (n,)
        Integers in ``0 .. K-1``.
    probabilities : array (n, K)
        A row sums to 1.
    metrics : sequence of str, optional
        Names, or ``package.module:Class``; all metrics of this package where not given.

    Returns
    -------
    dict
        A value for each name; ``None`` where undefined (see the module's docstring).

    Raises
    ------
    ConfigError
        If a metric is unknown.
    ValueError
        If the shapes do not fit or a label is outside ``0 .. K-1``.
    """
    parts = {name: metric(name) for name in (names() if metrics is None else metrics)}
    labels, probabilities = checked(labels, probabilities)
    if not len(labels) or not np.isfinite(probabilities).all():
        return dict.fromkeys(parts)
    once = WeightedSample(Sample(labels, probabilities), np.ones((len(labels), 1)))
    return {name: _defined(once.value(part)) for name, part in parts.items()}


def bootstrap(
    labels: Labels,
    probabilities: Probabilities,
    patients: Sequence[object],
    sites: Sequence[object],
    metrics: Sequence[str] | None,
    replicates: int,
    generator: np.random.Generator,
) -> dict[str, Interval]:
    """Return the 95 % percentile bootstrap interval of each metric: sites and, within them, patients.

    Parameters
    ----------
    labels, probabilities, metrics
        As for `evaluate`.
    patients : sequence (n,)
        Whose case it is; cases of one patient are drawn together. An id counts within its site.
    sites : sequence (n,)
        Drawn first, and within each its patients; those of a single site are its patients' alone.
    replicates : int
    generator : numpy.random.Generator

    Returns
    -------
    dict
        ``(low, high)`` by metric; ``(None, None)`` where the metric is undefined, or with fewer
        than two patients or two replicates, which say nothing about spread.

    Raises
    ------
    ConfigError
        If a metric is unknown.
    ValueError
        If the arrays do not fit each other.

    Notes
    -----
    Class-averaged metrics average over the same classes in every replicate, those of the data: a
    replicate that happened to lose one of them would estimate another quantity and is left out.
    """
    parts = {name: metric(name) for name in (names() if metrics is None else metrics)}
    checked_cases = checked(labels, probabilities)
    return bootstrap_of(*checked_cases, patients, sites, parts, replicates, generator)


def confusion(labels: Labels, probabilities: Probabilities) -> NDArray[np.int64]:
    """Count cases by true class (row) and most probable class (column): array (K, K)."""
    sample = Sample(*checked(labels, probabilities))
    return WeightedSample(sample, np.ones((len(sample), 1))).counts[:, :, 0].astype(np.int64)


def _defined(value: Vector) -> float | None:
    return float(value[0]) if np.isfinite(value[0]) else None
