"""Module-wise weighted averaging of updates, one at a time as they arrive."""

from collections import defaultdict
from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fed.protocol import Update
from fed.states import State
from model.parts import FUSION, PREDICTORS
from model.rima import modules_of


class UnusableUpdateError(ValueError):
    """An update that must not reach the average: wrong names, wrong shapes or no numbers."""


class ModuleAverage:
    """Averages each module over the sites that trained it, weighted by the cases behind it.

    Holds at most two sums a module, whatever the number of sites. Sums are in float64 and in the
    order of `add`, which the engines fix, so that the average does not depend on who was faster.

    Parameters
    ----------
    current : State
        The global model; parameters nobody trained stay as they are.
    both_share : float
        Least share of the weight that sites with both modalities have in predictors and fusion.
    """

    def __init__(self, current: State, both_share: float = 0.0) -> None:
        self._current = current
        self._both_share = both_share
        self._sums: dict[tuple[str, bool], NDArray[np.float64]] = {}
        self._weights: dict[tuple[str, bool], float] = defaultdict(float)

    def add(self, update: Update, owns_both: bool) -> None:
        """Add one site's update.

        Raises
        ------
        UnusableUpdateError
            If a parameter is unknown, of another shape, or not finite; nothing is added then.
        """
        check_update(self._current, update)
        for module, keys in modules_of(update.parameters).items():
            weight = float(update.cases[module])
            if weight == 0:
                continue
            apart = owns_both and self._both_share > 0 and module in PREDICTORS + FUSION
            self._weights[module, apart] += weight
            for key in keys:
                weighted = update.parameters[key].astype(np.float64) * weight
                if (key, apart) in self._sums:
                    self._sums[key, apart] += weighted
                else:
                    self._sums[key, apart] = weighted

    @property
    def trained(self) -> list[str]:
        """The names that some site returned, in the order they came."""
        return list(dict.fromkeys(key for key, _ in self._sums))

    def result(self) -> dict[str, NDArray[Any]]:
        """Return the new global model."""
        averaged = dict(self._current)
        for key in self.trained:
            averaged[key] = _like(self._mean(key), self._current[key])
        return averaged

    def _mean(self, key: str) -> NDArray[np.float64]:
        module = key.split(".", 1)[0]
        weight, apart = self._weights[module, False], self._weights[module, True]
        if not apart:
            return self._sums[key, False] / weight
        if not weight:
            return self._sums[key, True] / apart
        share = max(self._both_share, apart / (apart + weight))
        both, others = self._sums[key, True] / apart, self._sums[key, False] / weight
        return share * both + (1 - share) * others


def check_update(current: State, update: Update) -> None:
    """Refuse an update that must not reach the global model.

    Raises
    ------
    UnusableUpdateError
        If a parameter is unknown, of another shape, or not finite.
    """
    for key, value in update.parameters.items():
        if key not in current:
            raise UnusableUpdateError(f"sent {key}, which the global model does not have")
        if value.shape != current[key].shape:
            raise UnusableUpdateError(
                f"sent {key} of shape {value.shape}; expected {current[key].shape}"
            )
        if not np.isfinite(value).all():
            raise UnusableUpdateError(f"sent {key} with values that are not finite")


def mean_of(states: Collection[State]) -> dict[str, NDArray[Any]]:
    """Return the plain mean of several global models, oldest first.

    A name that only the later ones have, of a site that joined late, is averaged over those.
    """
    *_, newest = states
    return {
        key: _like(
            np.mean([s[key].astype(np.float64) for s in states if key in s], axis=0), newest[key]
        )
        for key in newest
    }


def _like(value: NDArray[np.float64], original: NDArray[Any]) -> NDArray[Any]:
    """Cast back to the original type; counters (BatchNorm's) are rounded."""
    if np.issubdtype(original.dtype, np.integer):
        value = np.rint(value)
    return np.asarray(value).astype(original.dtype)
