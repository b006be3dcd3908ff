"""The coordinate-wise trimmed mean (Yin et al., ICML 2018)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fed.states import State
from server.reductions import Fold, Reduction, Sums
from server.reductions._held import HeldUpdates, Weights, stacked


@dataclass(frozen=True)
class TrimmedMean(Reduction):
    """The weighted mean of each parameter without its highest and lowest values.

    Attributes
    ----------
    cut : float
        Share of the sites left out at either end, rounded down.
    """

    cut: Annotated[float, Field(ge=0, lt=0.5)] = 0.2

    def fold(self, current: State) -> Fold:
        """Return a fold that holds all updates."""
        return HeldUpdates(current=current, reduce=self._trimmed)

    def _trimmed(self, updates: list[State], weights: Weights) -> tuple[Sums, Mapping[str, Any]]:
        left_out = int(self.cut * len(updates))
        means = {key: trimmed(stacked(updates, key), weights, left_out) for key in updates[0]}
        return means, {}


def trimmed(values: NDArray[np.float64], weights: Weights, left_out: int) -> NDArray[np.float64]:
    """Return the weighted mean over the first axis without `left_out` values at either end."""
    order = np.argsort(values, axis=0, kind="stable")
    kept = order[left_out : len(values) - left_out]
    share = weights[kept]
    return (np.take_along_axis(values, kept, axis=0) * share).sum(axis=0) / share.sum(axis=0)
