"""What reductions share that need all updates of a round at once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fed.states import State
from server.reductions import Sums
from server.weights import Stratum, Weight

Weights = NDArray[np.float64]
Reduce = Callable[[list[State], Weights], tuple[Sums, Mapping[str, Any]]]


@dataclass
class HeldUpdates:
    """Holds the updates of a module, and reduces them by normalised weights.

    Attributes
    ----------
    reduce : callable
        Takes the updates and their weights ``(n,)``, which add up to 1.
    """

    reduce: Reduce
    updates: list[State] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    strata: list[Stratum] = field(default_factory=list)

    def add(self, update: State, weight: float, stratum: Stratum) -> None:
        """Hold one update."""
        self.updates.append(update)
        self.weights.append(weight)
        self.strata.append(stratum)

    def result(self, rule: Weight) -> tuple[Sums, Mapping[str, Any]]:
        """Reduce what is held."""
        totals: dict[Stratum, float] = {}
        for weight, stratum in zip(self.weights, self.strata, strict=True):
            totals[stratum] = totals.get(stratum, 0.0) + weight
        shares = rule.shares(totals)
        weights = [
            shares[stratum] * weight / totals[stratum]
            for weight, stratum in zip(self.weights, self.strata, strict=True)
        ]
        return self.reduce(self.updates, np.array(weights))


def stacked(updates: list[State], key: str) -> NDArray[np.float64]:
    """Return the values of one parameter, a row a site."""
    return np.stack([update[key] for update in updates]).astype(np.float64)
