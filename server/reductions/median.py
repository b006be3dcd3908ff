"""The coordinate-wise weighted median (Yin et al., ICML 2018)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fed.states import State
from server.reductions import Fold, Reduction, Sums
from server.reductions._held import HeldUpdates, Weights, stacked


@dataclass(frozen=True)
class Median(Reduction):
    """The weighted median of each parameter; holds as long as less than half of the weight is bad."""

    def fold(self, current: State) -> Fold:
        """Return a fold that holds all updates."""
        return HeldUpdates(current=current, reduce=_medians)


def _medians(updates: list[State], weights: Weights) -> tuple[Sums, Mapping[str, Any]]:
    return {key: weighted_median(stacked(updates, key), weights) for key in updates[0]}, {}


def weighted_median(values: NDArray[np.float64], weights: Weights) -> NDArray[np.float64]:
    """Return the median over the first axis: where the weights below and above are equal.

    With equal weights it is the ordinary median: the mean of the middle two, if their number is
    even.

    Parameters
    ----------
    values : ndarray
        ``(n, ...)``.
    weights : ndarray
        ``(n,)``, adding up to 1.
    """
    order = np.argsort(values, axis=0, kind="stable")
    ranked = np.take_along_axis(values, order, axis=0)
    reached = np.cumsum(weights[order], axis=0)
    half = 0.5 - 1e-12  # sums of weights are not exact
    lower = np.argmax(reached >= half, axis=0)
    upper = np.argmax(reached > 1 - half, axis=0)
    picked = [np.take_along_axis(ranked, at[None], axis=0)[0] for at in (lower, upper)]
    return (picked[0] + picked[1]) / 2
