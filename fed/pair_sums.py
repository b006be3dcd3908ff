"""What linked eyes tell across modalities: class-wise cross-covariances, summed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class PairSums:
    """Sums over eyes whose fundus photograph and OCT are known to be of one eye.

    Attributes
    ----------
    counts : ndarray
        ``(K,)``, such eyes of each class.
    scatter : ndarray
        ``(K, dx, dy)``: outer products of the deviations of fundus and OCT features from the mean
        of the class at the site.
    """

    counts: Floats
    scatter: Floats

    @classmethod
    def of(
        cls,
        x: NDArray[np.floating],
        y: NDArray[np.floating],
        labels: NDArray[np.int64],
        classes: int,
    ) -> "PairSums":
        """Sum features ``(n, dx)`` and ``(n, dy)`` of the same eyes with labels ``(n,)``."""
        scatter = np.zeros((classes, x.shape[1], y.shape[1]), dtype=np.float32)
        for label in np.unique(labels):
            own_x, own_y = (v[labels == label].astype(np.float64) for v in (x, y))
            scatter[label] = (own_x - own_x.mean(axis=0)).T @ own_y
        return cls(np.bincount(labels, minlength=classes).astype(np.float32), scatter)

    def __add__(self, other: "PairSums") -> "PairSums":
        return PairSums(self.counts + other.counts, self.scatter + other.scatter)
