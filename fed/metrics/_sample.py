"""Graded cases under weights: what every metric is computed from.

A metric is written once, as weighted sums over cases. Weights of one give its value; how often a
bootstrap drew each case gives a replicate of it, and a block of replicates is a few products of
matrices.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fed.metrics._ranks import Ranking

Labels = NDArray[np.integer[Any]]
Probabilities = NDArray[np.floating[Any]]
Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


def checked(labels: Labels, probabilities: Probabilities) -> tuple[Labels, Vector]:
    """Return both as arrays that fit each other.

    Parameters
    ----------
    labels : array (n,)
        Integers in ``0 .. K-1``.
    probabilities : array (n, K)

    Raises
    ------
    ValueError
        If the shapes do not fit or a label is outside ``0 .. K-1``.
    """
    y = np.asarray(labels).astype(np.int64)
    p = np.asarray(probabilities).astype(np.float64)
    if y.ndim != 1 or p.ndim != 2 or len(y) != len(p):
        raise ValueError(
            f"labels (n,) and probabilities (n, K) expected, got {y.shape} and {p.shape}"
        )
    if len(y) and not 0 <= y.min() <= y.max() < p.shape[1]:
        raise ValueError(f"labels must be in 0 .. {p.shape[1] - 1}")
    return y, p


class Sample:
    """What the metrics need of the cases, computed once for all weights.

    Attributes
    ----------
    labels, predicted : array (n,)
        True class, and the most probable one.
    probabilities : array (n, K)
    confidence : array (n,)
        The largest probability.
    occurs, is_predicted : array (K,) of bool
        Whether a case is of the class, or graded as it.
    """

    def __init__(self, labels: Labels, probabilities: Vector) -> None:
        self.labels = labels
        self.probabilities = probabilities
        self.classes = probabilities.shape[1]
        self.predicted: NDArray[np.int64] = probabilities.argmax(axis=1)
        self.confidence: Vector = probabilities.max(axis=1)
        self.occurs = np.bincount(labels, minlength=self.classes) > 0
        self.is_predicted = np.bincount(self.predicted, minlength=self.classes) > 0

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether a case is graded as what it is (n,)."""
        return self.predicted == self.labels

    @cached_property
    def cells(self) -> Matrix:
        """The place of each case in the confusion matrix (K * K, n)."""
        cells = np.zeros((self.classes * self.classes, len(self)))
        cells[self.labels * self.classes + self.predicted, np.arange(len(self))] = 1.0
        return cells

    @cached_property
    def by_confidence(self) -> Ranking:
        """The cases, most confident first."""
        return Ranking.of(-self.confidence)

    @cached_property
    def one_vs_rest(self) -> list[tuple[NDArray[np.bool_], Ranking]]:
        """Who is inside, and the order by probability, for the classes that have both sides.

        Of two classes only the second: both problems are the same one, up to rounding.
        """
        present = np.flatnonzero(self.occurs).tolist()
        chosen = present if len(present) > 1 else []
        if self.classes == 2:
            chosen = chosen[1:]
        return [(self.labels == k, Ranking.of(self.probabilities[:, k])) for k in chosen]


class WeightedSample:
    """Cases and one or more sets of weights; a metric gives a number for each set.

    Parameters
    ----------
    sample : Sample
    weights : array (n, replicates)
        Whole numbers: how often each case counts.
    """

    def __init__(self, sample: Sample, weights: Matrix) -> None:
        self.sample = sample
        self.weights = weights
        self._values: dict[Measure, Vector] = {}

    def value(self, metric: "Measure") -> Vector:
        """Return what a metric says (replicates,), computed once however many ask."""
        if metric not in self._values:
            self._values[metric] = metric(self)
        return self._values[metric]

    @property
    def classes(self) -> int:
        """Number of classes, K."""
        return self.sample.classes

    @cached_property
    def total(self) -> Vector:
        """Sum of the weights (replicates,)."""
        return self.weights.sum(axis=0)

    @cached_property
    def counts(self) -> Matrix:
        """Confusion matrices (true, predicted, replicates)."""
        return (self.sample.cells @ self.weights).reshape(self.classes, self.classes, -1)

    @cached_property
    def hits(self) -> Matrix:
        """Correct cases by class (K, replicates)."""
        return np.einsum("kkr->kr", self.counts)

    @cached_property
    def true(self) -> Matrix:
        """Cases by class (K, replicates)."""
        return self.counts.sum(axis=1)

    @cached_property
    def predicted(self) -> Matrix:
        """Cases by predicted class (K, replicates)."""
        return self.counts.sum(axis=0)

    def mean(self, values: Vector) -> Vector:
        """Return the weighted mean (replicates,) of a value per case (n,)."""
        return values @ self.weights / self.total

    def undefined(self) -> Vector:
        """Return NaN for every replicate."""
        return np.full(self.weights.shape[1], np.nan)


Measure = Callable[[WeightedSample], Vector]


def ratio(numerator: Matrix, denominator: Matrix) -> Matrix:
    """Divide; what has nothing below the line is NaN, undefined."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return numerator / denominator
