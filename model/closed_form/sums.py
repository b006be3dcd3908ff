"""What a site's features add up to: all that heads in closed form are solved from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ClassSums:
    """What a site's features of one modality add up to.

    Attributes
    ----------
    counts : ndarray
        ``(K,)``, cases of each class.
    means : ndarray
        ``(K, d)``, of each class; zeros without a case.
    scatter : ndarray
        ``(d, d)``: outer products of the deviations from the mean of the own class, summed.
    """

    counts: NDArray[np.int64]
    means: Array
    scatter: Array

    @classmethod
    def of(cls, features: Array, labels: NDArray[np.int64], classes: int) -> "ClassSums":
        """Sum features ``(n, d)`` with labels ``(n,)``."""
        counts = np.bincount(labels, minlength=classes)
        totals = np.zeros((classes, features.shape[1]))
        np.add.at(totals, labels, features)
        means = totals / np.maximum(counts, 1)[:, None]
        deviations = features - means[labels]
        return cls(counts, means, deviations.T @ deviations)

    @classmethod
    def with_half(cls, counts: NDArray[np.int64], means: Array, half: Array) -> "ClassSums":
        """Return the sums whose scatter has that `half`."""
        scatter = np.zeros((means.shape[1],) * 2)
        scatter[np.triu_indices(len(scatter))] = half
        return cls(counts, means, scatter + np.triu(scatter, 1).T)

    @property
    def half(self) -> Array:
        """The upper half of the symmetric scatter, ``(d (d + 1) / 2,)``: all that need be sent or kept."""
        return self.scatter[np.triu_indices(len(self.scatter))]


def nearest_scatter(matrix: Array) -> Array:
    """Return the nearest symmetric matrix without negative eigenvalues, in the Frobenius norm.

    Sums with noise may add up to a scatter that no features have; one that some features have stays
    as it is.
    """
    rounding = 1e-10 * np.abs(matrix.diagonal()).max(initial=0.0)
    try:
        np.linalg.cholesky(matrix + rounding * np.eye(len(matrix)))
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(matrix)
        return np.asarray((vectors * np.maximum(values, 0.0)) @ vectors.T)
    return matrix


@dataclass(frozen=True)
class CrossSums:
    """What the features of both modalities add up to over a site's eyes that have both.

    Attributes
    ----------
    counts : ndarray
        ``(K,)``, such eyes of each class.
    scatter : ndarray
        ``(dx, dy)``: outer products of the deviations of the two from the mean of the own class.
    """

    counts: NDArray[np.int64]
    scatter: Array

    @classmethod
    def of(cls, x: Array, y: Array, labels: NDArray[np.int64], classes: int) -> "CrossSums":
        """Sum features ``(n, dx)`` and ``(n, dy)`` of the same eyes with labels ``(n,)``."""
        counts = np.bincount(labels, minlength=classes)
        means = np.zeros((classes, x.shape[1]))
        np.add.at(means, labels, x)
        means /= np.maximum(counts, 1)[:, None]
        return cls(counts, (x - means[labels]).T @ y)


@dataclass(frozen=True)
class BothSums:
    """Sums of a site that owns both modalities: of each by itself, and across."""

    x: ClassSums
    y: ClassSums
    cross: CrossSums
