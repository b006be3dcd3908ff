"""Cases in the order of a score."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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
    def of(cls, score: NDArray[np.float64]) -> "Ranking":
        """Rank by `score` (n,), lowest first."""
        order = np.argsort(score, kind="stable")
        changes = np.flatnonzero(np.diff(score[order])) + 1
        return cls(order, np.concatenate([[0], changes]))

    def grouped(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum rows of `values` (n, replicates) over the groups, in order."""
        ordered = values[self.order]
        if len(self.starts) == len(self.order):
            return ordered
        return np.add.reduceat(ordered, self.starts, axis=0)
