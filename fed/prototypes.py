"""Class statistics of one modality's features: what crosses a site's border besides weights."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from fed.randomness import derive
from fed.sites import MODALITIES, Modality

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Prototypes:
    """Clusters of features, each of one class.

    Attributes
    ----------
    labels : ndarray
        ``(p,)`` class of each cluster.
    means, variances : ndarray
        ``(p, d)`` centre, and variance of the features around it.
    counts : ndarray
        ``(p,)`` cases behind each cluster.
    """

    labels: NDArray[np.int64]
    means: Floats
    variances: Floats
    counts: Floats

    def __len__(self) -> int:
        return len(self.labels)

    def moments(self) -> tuple[Floats, Floats]:
        """Return mean and standard deviation ``(d,)`` of all features behind the clusters."""
        weights = (self.counts / self.counts.sum())[:, None].astype(np.float64)
        mean = (weights * self.means).sum(axis=0)
        spread = (weights * (self.variances + (self.means - mean) ** 2)).sum(axis=0)
        return mean.astype(np.float32), np.sqrt(spread).astype(np.float32)

    def of_class(self, label: int) -> "Prototypes":
        """Return the clusters of one class."""
        return self.at(np.flatnonzero(self.labels == label))

    def at(self, rows: NDArray[np.int64]) -> "Prototypes":
        """Return the clusters at some positions."""
        return Prototypes(
            self.labels[rows], self.means[rows], self.variances[rows], self.counts[rows]
        )


def join(parts: Sequence[Prototypes]) -> Prototypes:
    """Put clusters of several classes or sites into one table, in the order given."""
    return Prototypes(
        np.concatenate([p.labels for p in parts]),
        np.concatenate([p.means for p in parts]),
        np.concatenate([p.variances for p in parts]),
        np.concatenate([p.counts for p in parts]),
    )


def summarise(points: Prototypes, clusters: int, seed: int) -> Prototypes:
    """Merge points, or clusters, of one class into at most `clusters` by weighted k-means.

    Means, variances and counts of a merged cluster are those of all cases behind it (law of total
    variance), so that merging in steps loses no moment.
    """
    clusters = min(clusters, len(points))
    if clusters == len(points):
        return points
    assigned = assignment(points, clusters, seed)
    return join(
        [
            merged(points.at(np.flatnonzero(assigned == cluster)))
            for cluster in range(clusters)
            if (assigned == cluster).any()
        ]
    )


def assignment(points: Prototypes, clusters: int, seed: int) -> NDArray[np.int64]:
    """Return the cluster of each point ``(p,)``, by weighted k-means."""
    from sklearn.cluster import KMeans  # two seconds; and before its libraries are limited

    with _thread_pools().limit(limits=1):  # one thread: the order of its sums is then fixed
        found = KMeans(clusters, n_init=3, random_state=derive(seed, "k-means") % 2**32).fit(
            points.means.astype(np.float64), sample_weight=points.counts.astype(np.float64)
        )
    return np.asarray(found.labels_, dtype=np.int64)


@cache
def _thread_pools() -> ThreadpoolController:
    """Return the libraries that compute on several threads; to find them takes milliseconds."""
    return ThreadpoolController()


def merged(points: Prototypes) -> Prototypes:
    """Return points, or clusters, of one class as one, with the moments of all cases behind it."""
    weights = (points.counts / points.counts.sum())[:, None].astype(np.float64)
    mean = (weights * points.means).sum(axis=0)
    variance = (weights * (points.variances + (points.means - mean) ** 2)).sum(axis=0)
    return Prototypes(
        points.labels[:1],
        mean[None].astype(np.float32),
        variance[None].astype(np.float32),
        points.counts.sum(keepdims=True),
    )


def bank_tensors(bank: Mapping[Modality, Prototypes], prefix: str) -> dict[str, NDArray[Any]]:
    """Return the bank as named arrays."""
    return {
        f"{prefix}{modality}.{name}": value
        for modality, prototypes in bank.items()
        for name, value in asdict(prototypes).items()
    }


def bank_from_tensors(
    tensors: Mapping[str, NDArray[Any]], prefix: str
) -> dict[Modality, Prototypes]:
    """Return the bank that `bank_tensors` named."""
    found = under(tensors, prefix)
    return {
        modality: Prototypes(**under(found, f"{modality}."))
        for modality in MODALITIES
        if f"{modality}.labels" in found
    }


def under(tensors: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    """Return the arrays whose name begins with `prefix`, by the rest of their names."""
    return {
        key.removeprefix(prefix): np.asarray(value)
        for key, value in tensors.items()
        if key.startswith(prefix)
    }
