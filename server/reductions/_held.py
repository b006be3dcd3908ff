"""What reductions share that need all updates of a round at once."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fed.states import State
from model.parts import learned
from server.reductions import Sums
from server.weights import Stratum, Weight, capped

Weights = NDArray[np.float64]
Reduce = Callable[[list[State], Weights], tuple[Sums, Mapping[str, Any]]]


@dataclass
class Held:
    """The updates of a module, with what they weigh."""

    updates: list[State] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    strata: list[Stratum] = field(default_factory=list)

    def add(self, update: State, weight: float, stratum: Stratum) -> None:
        """Hold one update."""
        self.updates.append(update)
        self.weights.append(weight)
        self.strata.append(stratum)

    def shares(self, rule: Weight) -> Weights:
        """Return the share ``(n,)`` of each update: the strata weighed, no share above the cap."""
        totals: dict[Stratum, float] = {}
        for weight, stratum in zip(self.weights, self.strata, strict=True):
            totals[stratum] = totals.get(stratum, 0.0) + weight
        shares = rule.shares(totals)
        weights = [
            shares[stratum] * weight / totals[stratum]
            for weight, stratum in zip(self.weights, self.strata, strict=True)
        ]
        return capped(np.array(weights), rule.cap)


@dataclass
class HeldUpdates(Held):
    """Reduces the updates that changed the module by shares that add up to 1.

    A site that returns the module as it was, for lack of cases that train it, would hold a median
    where it is, so it does not count.

    Attributes
    ----------
    current : State
        The module before the round.
    reduce : callable
        Takes the updates and their shares ``(n,)``.
    """

    current: State = field(default_factory=dict)
    reduce: Reduce = field(kw_only=True)

    def result(self, rule: Weight) -> tuple[Sums, Mapping[str, Any]]:
        """Reduce what is held."""
        weights = self.shares(rule)
        keys = learned_keys(self.updates[0])
        norms = np.array([change_norm(self.current, update, keys) for update in self.updates])
        kept = np.flatnonzero(norms > 0)
        if not len(kept):
            kept = np.arange(len(norms))
        updates = [self.updates[row] for row in kept]
        return self.reduce(updates, weights[kept] / weights[kept].sum())


def learned_keys(update: State) -> list[str]:
    """Return the names of weights, without those of running statistics."""
    return [key for key in update if learned(key)]


def change_norm(current: State, update: State, keys: Sequence[str]) -> float:
    """Return the Euclidean norm of a site's change of some parameters."""
    squares = (np.square(update[key].astype(np.float64) - current[key]).sum() for key in keys)
    return math.sqrt(sum(map(float, squares)))


def stacked(updates: Sequence[State], key: str) -> NDArray[np.float64]:
    """Return the values of one parameter, a row a site."""
    return np.stack([update[key] for update in updates]).astype(np.float64)
