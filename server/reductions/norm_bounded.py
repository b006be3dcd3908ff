"""The weighted mean of changes whose norms are bounded (Sun et al., 2019)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fed.states import State
from model.parts import counts_steps
from server.reductions import FACTORS, Fold, Reduction, Sums
from server.reductions._held import Held, change_norm, learned_keys
from server.reductions.mean import Mean
from server.weights import EVERYONE, Stratum, Weight

Factors = NDArray[np.float64]


@dataclass(frozen=True)
class NormBounded(Reduction):
    """The weighted mean, no site's change of a module much longer than the sites' median.

    A site that weighs ``w`` may go as far as ``factor m max(1, sqrt(w / v))``, with ``m`` the
    median norm and ``v`` the median weight: a site of more cases makes more steps, and steps along
    noisy gradients lead as far as the root of their number. Weights and running statistics are
    bounded each by their own median, so that a site cannot hide in the one what it may not do in
    the other. Of an even number of sites the lower middle counts: one of two cannot raise the bound
    for itself. Sites that left the module as it was do not count for the median. Where no change
    is longer, the result is that of `mean` to the last bit.

    Attributes
    ----------
    factor : float
        Largest change that is allowed. In the demo's 20 rounds the longest honest change of weights
        would have needed 2.4, and of running statistics 2.1.
    """

    factor: Annotated[float, Field(gt=0)] = 4.0

    def fold(self, current: State) -> Fold:
        """Return a fold that holds all updates."""
        return _Bounded(current, self.factor)


class _Bounded(Held):
    def __init__(self, current: State, factor: float) -> None:
        super().__init__()
        self._current = current
        self._factor = factor
        self._learned: list[str] = []
        self._statistics: list[str] = []
        self._norms: list[list[float]] = []

    def add(self, update: State, weight: float, stratum: Stratum) -> None:
        """Hold one update, and measure its change while other sites are still at work."""
        if not self.updates:
            self._learned = learned_keys(update)
            others = (key for key in update if key not in self._learned)
            self._statistics = [key for key in others if not counts_steps(key)]
        super().add(update, weight, stratum)
        parts = (self._learned, self._statistics)
        self._norms.append([change_norm(self._current, update, keys) for keys in parts])

    def result(self, rule: Weight) -> tuple[Sums, Mapping[str, Any]]:
        """Return the mean of the bounded updates; told are the bound and each update's factor."""
        norms, weights = np.array(self._norms), np.array(self.weights)
        bound, factors = bounds(norms[:, 0], weights, self._factor)
        _, of_statistics = bounds(norms[:, 1], weights, self._factor)
        mean = Mean().fold(self._current)
        shares = None if rule.cap >= 1 else self.shares(rule)
        for row, update in enumerate(self.updates):
            update = shortened(self._current, update, self._learned, factors[row])
            update = shortened(self._current, update, self._statistics, of_statistics[row])
            if shares is None:
                mean.add(update, self.weights[row], self.strata[row])
            else:
                mean.add(update, shares[row], EVERYONE)
        sums, _ = mean.result(rule)
        least = np.minimum(factors, of_statistics)
        told = {"bound": bound, "bounded": int((least < 1).sum()), FACTORS: least.tolist()}
        return sums, told


def bounds(norms: Factors, weights: Factors, factor: float) -> tuple[float, Factors]:
    """Return how far a site of median weight may go, and what each change is multiplied by.

    Parameters
    ----------
    norms, weights : ndarray
        ``(n,)``, of the sites' changes.
    factor : float
        The bound, as a multiple of the median norm.

    Returns
    -------
    float
        0 if nothing was changed.
    ndarray
        ``(n,)``, 1 for a change within its bound.
    """
    moved = norms > 0
    if not moved.any():
        return 0.0, np.ones(len(norms))
    bound = factor * _lower_median(norms[moved])
    allowed = bound * np.sqrt(np.maximum(1.0, weights / _lower_median(weights[moved])))
    return bound, np.where(norms > allowed, allowed / np.maximum(norms, allowed), 1.0)


def _lower_median(values: Factors) -> float:
    return float(np.sort(values)[(len(values) - 1) // 2])


def shortened(current: State, update: State, keys: Sequence[str], factor: float) -> State:
    """Return an update whose change of some parameters is multiplied by a factor."""
    if factor >= 1:
        return update
    changed = {}
    for key in keys:
        before = current[key].astype(np.float64)
        changed[key] = before + factor * (update[key].astype(np.float64) - before)
    return {key: changed.get(key, value) for key, value in update.items()}
