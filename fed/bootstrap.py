"""95 % confidence intervals of the metrics, by resampling patients.

A replicate is a vector of multiplicities: how often each patient, hence each case, was drawn. Every
metric is written as weighted sums over cases, so that a block of replicates is a few products of
matrices instead of a thousand calls into scikit-learn.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fed.metrics import (
    BINS,
    Labels,
    Probabilities,
    Vector,
    auc_classes,
    checked,
    confidence_bins,
    confusion,
    log_losses,
    optimal_aurc,
    squared_errors,
)

Matrix = NDArray[np.float64]
Interval = tuple[float | None, float | None]

BLOCK = 1 << 17
"""Multiplicities held at once: a megabyte, so that a block stays in the processor's cache."""


def bootstrap(
    labels: Labels,
    probabilities: Probabilities,
    patients: Sequence[Any] | NDArray[Any],
    metrics: Sequence[str],
    replicates: int,
    generator: np.random.Generator,
) -> dict[str, Interval]:
    """Return the 95 % percentile bootstrap interval of each metric, over patients.

    Parameters
    ----------
    labels : array (n,)
    probabilities : array (n, K)
    patients : sequence (n,)
        Whose case it is; cases of one patient are drawn together.
    metrics : sequence of str
        Names out of `fed.metrics.METRICS`.
    replicates : int
    generator : numpy.random.Generator

    Returns
    -------
    dict
        ``(low, high)`` by metric; ``(None, None)`` where the metric is undefined, or with fewer
        than two patients or two replicates, which say nothing about spread.

    Notes
    -----
    Class-averaged metrics average over the same classes in every replicate, those of the data: a
    replicate that happened to lose one of them would estimate another quantity and is left out.
    `ece` is biased upwards in small samples and more so when resampled, so that its interval can
    lie above its value.
    """
    labels, probabilities = checked(labels, probabilities)
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
        replicate = Replicates(sample, drawn[owner])
        for name in metrics:
            values[name].append(METRIC[name](replicate))
    return {name: _interval(np.concatenate(parts)) for name, parts in values.items()}


def multiplicities(patients: int, replicates: int, generator: np.random.Generator) -> Matrix:
    """Draw patients with replacement; return how often each was drawn (patients, replicates)."""
    drawn = generator.integers(patients, size=(replicates, patients))
    drawn += np.arange(replicates)[:, None] * patients
    counts = np.bincount(drawn.ravel(), minlength=replicates * patients)
    return np.ascontiguousarray(counts.reshape(replicates, patients).T, dtype=np.float64)


def _interval(values: Vector) -> Interval:
    defined = values[np.isfinite(values)]
    if len(defined) < 2:
        return None, None
    low, high = np.percentile(defined, (2.5, 97.5))
    return float(low), float(high)


@dataclass(frozen=True)
class Ranking:
    """Cases in the order of a score, cases of equal score in one group.

    Attributes
    ----------
    order : array (n,)
    starts : array (groups,)
        Position in `order` at which each group starts.
    """

    order: NDArray[np.int64]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, score: Vector) -> "Ranking":
        """Rank by `score` (n,), lowest first."""
        order = np.argsort(score, kind="stable")
        changes = np.flatnonzero(np.diff(score[order])) + 1
        return cls(order, np.concatenate([[0], changes]))

    def grouped(self, values: Matrix) -> Matrix:
        """Sum rows of `values` (n, replicates) over the groups, in order."""
        ordered = values[self.order]
        if len(self.starts) == len(self.order):
            return ordered
        return np.add.reduceat(ordered, self.starts, axis=0)


class Sample:
    """What the metrics need of the cases, computed once for all replicates."""

    def __init__(self, labels: Labels, probabilities: Vector) -> None:
        n, classes = probabilities.shape
        predicted = probabilities.argmax(axis=1)
        confidence = probabilities.max(axis=1)
        correct = predicted == labels
        rows = np.arange(n)
        self.classes = classes
        self.wrong = ~correct
        self.log_losses = log_losses(labels, probabilities)
        self.squared_errors = squared_errors(labels, probabilities)
        self.cells = np.zeros((classes * classes, n))
        self.cells[labels * classes + predicted, rows] = 1.0
        self.gaps = np.zeros((BINS, n))
        self.gaps[confidence_bins(confidence, BINS), rows] = correct - confidence
        self.by_confidence = Ranking.of(-confidence)
        self.one_vs_rest = [
            (labels == k, Ranking.of(probabilities[:, k])) for k in auc_classes(labels, classes)
        ]
        counts = confusion(labels, probabilities)
        self.occurs = counts.sum(axis=1) > 0
        self.occurs_or_predicted = self.occurs | (counts.sum(axis=0) > 0)
        self.has_negatives = counts.sum(axis=1) < n


class Replicates:
    """A block of replicates of one sample; each metric is a vector (replicates,), NaN: undefined.

    Parameters
    ----------
    sample : Sample
    weights : array (n, replicates)
        How often each case was drawn, whole numbers.
    """

    def __init__(self, sample: Sample, weights: Matrix) -> None:
        self.sample = sample
        self.weights = weights
        self.total: Vector = weights.sum(axis=0)

    @cached_property
    def counts(self) -> Matrix:
        """Confusion matrices (true, predicted, replicates)."""
        k = self.sample.classes
        return (self.sample.cells @ self.weights).reshape(k, k, -1)

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

    def auc(self) -> Vector:
        """Macro one-vs-rest area: the weighted Mann-Whitney statistic of each class."""
        if not self.sample.one_vs_rest:
            return np.full(len(self.total), np.nan)
        areas = []
        for inside, ranking in self.sample.one_vs_rest:
            positive = ranking.grouped(self.weights * inside[:, None])
            negative = ranking.grouped(self.weights * ~inside[:, None])
            below = np.cumsum(negative, axis=0) - negative / 2  # ties count half
            pairs = positive.sum(axis=0) * negative.sum(axis=0)
            areas.append(_ratio(np.einsum("gr,gr->r", positive, below), pairs))
        return np.mean(areas, axis=0)

    def accuracy(self) -> Vector:
        """Share of correct cases."""
        return self.hits.sum(axis=0) / self.total

    def sensitivity(self) -> Vector:
        """Macro recall, which is also the balanced accuracy."""
        return _ratio(self.hits, self.true)[self.sample.occurs].mean(axis=0)

    def specificity(self) -> Vector:
        """Macro true negative rate."""
        if not self.sample.has_negatives.any():
            return np.full(len(self.total), np.nan)
        false_positives = self.predicted - self.hits
        rates = 1 - _ratio(false_positives, self.total - self.true)
        return rates[self.sample.has_negatives].mean(axis=0)

    @cached_property
    def f1(self) -> Matrix:
        """F1 by class (K, replicates); NaN where the class neither occurs nor is predicted."""
        return _ratio(2 * self.hits, self.true + self.predicted)

    def f1_macro(self) -> Vector:
        """Mean F1 of the classes that occur or are predicted."""
        return self.f1[self.sample.occurs_or_predicted].mean(axis=0)

    def f1_weighted(self) -> Vector:
        """F1 averaged by true frequency."""
        return np.where(self.true > 0, self.f1 * self.true, 0.0).sum(axis=0) / self.total

    def kappa(self, weights: Matrix) -> Vector:
        """Cohen's kappa with disagreement `weights` (K, K)."""
        observed = np.einsum("ij,ijr->r", weights, self.counts)
        expected = np.einsum("ij,ir,jr->r", weights, self.true, self.predicted) / self.total
        one_class = self.true.max(axis=0) == self.total
        return np.where(one_class, np.nan, 1 - _ratio(observed, expected))

    def ece(self) -> Vector:
        """Gap between confidence and accuracy, over bins of confidence."""
        return np.abs(self.sample.gaps @ self.weights).sum(axis=0) / self.total

    def mean(self, values: Vector) -> Vector:
        """Mean of a value per case (n,)."""
        return values @ self.weights / self.total

    @cached_property
    def aurc(self) -> Vector:
        """Area under the risk-coverage curve.

        A group of w cases of equal confidence with error rate e, accepted after N cases with E
        errors, adds sum_j (E + e j) / (N + j), j = 1 .. w, which is e w + (E - e N) (H(N + w) -
        H(N)) with the harmonic numbers H.
        """
        drawn = self.sample.by_confidence.grouped(self.weights)
        errors = self.sample.by_confidence.grouped(self.weights * self.sample.wrong[:, None])
        after = np.cumsum(drawn, axis=0).astype(np.int64)
        harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, after[-1].max() + 1))])
        before = np.vstack([np.zeros_like(after[:1]), after[:-1]])
        errors_before = np.cumsum(errors, axis=0) - errors
        rate = np.divide(errors, drawn, out=np.zeros_like(errors), where=drawn > 0)
        steps = errors + (errors_before - rate * before) * (harmonic[after] - harmonic[before])
        return steps.sum(axis=0) / self.total

    def e_aurc(self) -> Vector:
        """AURC above the least possible at the same error rate."""
        return self.aurc - optimal_aurc(1 - self.accuracy())


def _ratio(numerator: Matrix, denominator: Matrix) -> Matrix:
    with np.errstate(divide="ignore", invalid="ignore"):  # 0 / 0 is the undefined we look for
        return numerator / denominator


def _unequal(classes: int) -> Matrix:
    return 1 - np.eye(classes)


def _squared_distance(classes: int) -> Matrix:
    grades = np.arange(classes, dtype=np.float64)
    return (grades[:, None] - grades) ** 2


METRIC: dict[str, Callable[[Replicates], Vector]] = {
    "auc": Replicates.auc,
    "balanced_accuracy": Replicates.sensitivity,
    "accuracy": Replicates.accuracy,
    "f1_macro": Replicates.f1_macro,
    "f1_weighted": Replicates.f1_weighted,
    "kappa": lambda r: r.kappa(_unequal(r.sample.classes)),
    "qwk": lambda r: r.kappa(_squared_distance(r.sample.classes)),
    "specificity": Replicates.specificity,
    "sensitivity": Replicates.sensitivity,
    "ece": Replicates.ece,
    "nll": lambda r: r.mean(r.sample.log_losses),
    "brier": lambda r: r.mean(r.sample.squared_errors),
    "aurc": lambda r: r.aurc,
    "e_aurc": Replicates.e_aurc,
}
