"""How well predicted probabilities grade eyes: the metrics of `results.json`.

One rule decides what is undefined: a class-averaged metric averages over the classes for which it
has a value in the data at hand (`auc`: cases inside and outside the class, `sensitivity`: cases
inside, `specificity`: cases outside, `f1_macro`: the class occurs or is predicted), and it is
``None`` where no class has one. What compares classes (`auc`, `kappa`, `qwk`) is ``None`` where all
cases are of one class. Everything is ``None`` without cases, or when a probability is not finite.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.integer[Any]]
Probabilities = NDArray[np.floating[Any]]
Vector = NDArray[np.float64]

METRICS: tuple[str, ...] = (
    "auc",
    "balanced_accuracy",
    "accuracy",
    "f1_macro",
    "f1_weighted",
    "kappa",
    "qwk",
    "specificity",
    "sensitivity",
    "ece",
    "nll",
    "brier",
    "aurc",
    "e_aurc",
)
BINS = 15
"""Bins of the expected calibration error."""


@dataclass(frozen=True)
class Reliability:
    """Confidence against accuracy, in bins of equal width over (0, 1].

    Attributes
    ----------
    edges : array (bins + 1,)
    counts : array (bins,)
        Cases whose confidence, the largest probability, falls in the bin; the upper edge belongs
        to the bin.
    confidence, accuracy : array (bins,)
        Mean confidence and share of correct grades; NaN in an empty bin.
    """

    edges: Vector
    counts: NDArray[np.int64]
    confidence: Vector
    accuracy: Vector


def scores(labels: Labels, probabilities: Probabilities) -> dict[str, float | None]:
    """Score predicted probabilities.

    Parameters
    ----------
    labels : array (n,)
        Integers in ``0 .. K-1``.
    probabilities : array (n, K)
        A row sums to 1.

    Returns
    -------
    dict
        A value for each name in `METRICS`; ``None`` where undefined (see the module's docstring).

    Raises
    ------
    ValueError
        If the shapes do not fit or a label is outside ``0 .. K-1``.

    Notes
    -----
    `ece`: Guo et al. 2017, 15 bins of equal width. `aurc`, `e_aurc`: Geifman et al. 2019, with the
    largest probability as confidence; cases of equal confidence count as accepted in random order.
    `brier` is the squared distance to the one-hot label; halved for two classes (scikit-learn).
    """
    labels, probabilities = checked(labels, probabilities)
    if not len(labels) or not np.isfinite(probabilities).all():
        return dict.fromkeys(METRICS)
    predicted = probabilities.argmax(axis=1)
    values = {
        **_agreement(labels, predicted, probabilities.shape[1]),
        "auc": _auc(labels, probabilities),
        "specificity": _specificity(confusion(labels, probabilities)),
        "ece": _calibration_error(reliability(labels, probabilities)),
        "nll": float(log_losses(labels, probabilities).mean()),
        "brier": float(squared_errors(labels, probabilities).mean()),
        **_selective_risk(probabilities.max(axis=1), predicted != labels),
    }
    return {name: values[name] for name in METRICS}


def confusion(labels: Labels, probabilities: Probabilities) -> NDArray[np.int64]:
    """Count cases by true class (row) and most probable class (column): array (K, K)."""
    labels, probabilities = checked(labels, probabilities)
    classes = probabilities.shape[1]
    cells = labels * classes + probabilities.argmax(axis=1)
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)


def reliability(labels: Labels, probabilities: Probabilities, bins: int = BINS) -> Reliability:
    """Compare confidence with accuracy in `bins` bins of equal width."""
    labels, probabilities = checked(labels, probabilities)
    top = probabilities.max(axis=1)
    bin_of = confidence_bins(top, bins)
    correct = probabilities.argmax(axis=1) == labels
    counts = np.bincount(bin_of, minlength=bins)
    with np.errstate(invalid="ignore"):  # 0 / 0: an empty bin has no mean
        return Reliability(
            edges=np.linspace(0.0, 1.0, bins + 1),
            counts=counts,
            confidence=np.bincount(bin_of, top, bins) / counts,
            accuracy=np.bincount(bin_of, correct, bins) / counts,
        )


def checked(labels: Labels, probabilities: Probabilities) -> tuple[Labels, Vector]:
    """Return both as arrays that fit each other; raise ValueError where they do not."""
    y = np.asarray(labels).astype(np.int64)
    p = np.asarray(probabilities).astype(np.float64)
    if y.ndim != 1 or p.ndim != 2 or len(y) != len(p):
        raise ValueError(
            f"labels (n,) and probabilities (n, K) expected, got {y.shape} and {p.shape}"
        )
    if len(y) and not 0 <= y.min() <= y.max() < p.shape[1]:
        raise ValueError(f"labels must be in 0 .. {p.shape[1] - 1}")
    return y, p


def auc_classes(labels: Labels, classes: int) -> list[int]:
    """Return the classes `auc` averages over: those present; of two classes, the second.

    With two classes both one-vs-rest problems are the same one, up to rounding.
    """
    present = np.unique(labels).tolist()
    if len(present) < 2:
        return []
    return [1] if classes == 2 else present


def confidence_bins(confidence: Vector, bins: int) -> NDArray[np.int64]:
    """Return the bin of each confidence; an edge belongs to the bin below it."""
    return np.clip(np.searchsorted(np.linspace(0.0, 1.0, bins + 1), confidence) - 1, 0, bins - 1)


def log_losses(labels: Labels, probabilities: Vector) -> Vector:
    """Return each case's negative log-likelihood (n,), clipped as scikit-learn does.

    Not scikit-learn's own `log_loss`: that warns when a row was rounded to single precision.
    """
    epsilon = np.finfo(np.float64).eps
    likelihood = probabilities[np.arange(len(labels)), labels]
    return -np.log(np.clip(likelihood, epsilon, 1 - epsilon))


def squared_errors(labels: Labels, probabilities: Vector) -> Vector:
    """Return each case's term of the Brier score (n,)."""
    classes = probabilities.shape[1]
    distance = ((probabilities - np.eye(classes)[labels]) ** 2).sum(axis=1)
    return distance / 2 if classes == 2 else distance


def optimal_aurc(risk: Vector) -> Vector:
    """Return the least AURC at an overall error rate (Geifman et al. 2019, section 3)."""
    kept = 1 - risk
    return risk + kept * np.log(np.where(kept > 0, kept, 1.0))


def _agreement(labels: Labels, predicted: Labels, classes: int) -> dict[str, float | None]:
    from sklearn import metrics as sk  # a second to import; only scoring pays it

    present = np.unique(labels)
    comparable = len(present) > 1
    every = list(range(classes))  # else the quadratic weights skip absent grades

    def kappa(weights: str | None) -> float | None:
        if not comparable:
            return None
        return float(sk.cohen_kappa_score(labels, predicted, labels=every, weights=weights))

    # Recall over the true classes is the balanced accuracy; sklearn's own function for it warns
    # when a class is predicted that does not occur.
    recall = float(sk.recall_score(labels, predicted, labels=present, average="macro"))
    return {
        "balanced_accuracy": recall,
        "sensitivity": recall,
        "accuracy": float(sk.accuracy_score(labels, predicted)),
        "f1_macro": float(sk.f1_score(labels, predicted, average="macro")),
        "f1_weighted": float(sk.f1_score(labels, predicted, average="weighted")),
        "kappa": kappa(None),
        "qwk": kappa("quadratic"),
    }


def _auc(labels: Labels, probabilities: Vector) -> float | None:
    from sklearn.metrics import roc_auc_score

    score: Callable[..., float] = roc_auc_score
    areas = [
        score(labels == k, probabilities[:, k]) for k in auc_classes(labels, probabilities.shape[1])
    ]
    return float(np.mean(areas)) if areas else None


def _specificity(counts: NDArray[np.int64]) -> float | None:
    negatives = counts.sum() - counts.sum(axis=1)
    false_positives = counts.sum(axis=0) - counts.diagonal()
    has = negatives > 0
    return float(np.mean(1 - false_positives[has] / negatives[has])) if has.any() else None


def _calibration_error(bins: Reliability) -> float:
    filled = bins.counts > 0
    gaps = np.abs(bins.accuracy - bins.confidence)[filled]
    return float(np.average(gaps, weights=bins.counts[filled]))


def _selective_risk(confidence: Vector, wrong: NDArray[np.bool_]) -> dict[str, float | None]:
    _, group = np.unique(-confidence, return_inverse=True)  # most confident first
    expected = (np.bincount(group, wrong) / np.bincount(group))[np.sort(group)]
    risks = np.cumsum(expected) / np.arange(1, len(wrong) + 1)
    aurc = float(risks.mean())
    return {"aurc": aurc, "e_aurc": aurc - float(optimal_aurc(wrong.mean()))}
