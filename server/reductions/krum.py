"""Krum: the updates that lie closest to others (Blanchard et al., NeurIPS 2017)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fed.states import State
from server.reductions import Fold, Reduction, Sums
from server.reductions._held import HeldUpdates, Weights, learned_keys, stacked


@dataclass(frozen=True)
class Krum(Reduction):
    """The weighted mean of the updates with the closest neighbours (Multi-Krum).

    An update's score is the sum of its squared distances to its ``n - f - 2`` nearest, where ``f``
    of ``n`` sites are taken to be bad. It holds for ``n > 2 f + 2``; of fewer sites each still has
    one neighbour.

    Attributes
    ----------
    bad : float
        Share of the sites that may be bad, rounded down to a number ``f``.
    chosen : int or None
        Updates that are averaged; 1 is Krum itself, None all but ``f``.
    """

    bad: Annotated[float, Field(ge=0, lt=0.5)] = 0.2
    chosen: Annotated[int, Field(ge=1)] | None = None

    def fold(self, current: State) -> Fold:
        """Return a fold that holds all updates."""
        return HeldUpdates(current=current, reduce=self._nearest)

    def _nearest(self, updates: list[State], weights: Weights) -> tuple[Sums, Mapping[str, Any]]:
        bad = int(self.bad * len(updates))
        wanted = min(len(updates), self.chosen or len(updates) - bad)
        order = np.argsort(scores(updates, bad), kind="stable")
        chosen = np.sort(order[:wanted])
        shares = weights[chosen] / weights[chosen].sum()
        kept = [updates[row] for row in chosen]
        means = {key: np.tensordot(shares, stacked(kept, key), axes=1) for key in updates[0]}
        return means, {"left_out": len(updates) - wanted}


def scores(updates: list[State], bad: int) -> NDArray[np.float64]:
    """Return for each update the sum of squared distances ``(n,)`` to its nearest others."""
    n = len(updates)
    distances = np.zeros((n, n))
    for key in learned_keys(updates[0]):
        values = stacked(updates, key).reshape(n, -1)
        for row in range(n):
            distances[row] += np.square(values - values[row]).sum(axis=1)
    np.fill_diagonal(distances, np.inf)
    neighbours = min(max(1, n - bad - 2), max(1, n - 1))
    return np.sort(distances, axis=1)[:, :neighbours].sum(axis=1)
