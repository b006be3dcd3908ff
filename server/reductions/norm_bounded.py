"""The weighted mean of changes whose norms are bounded (Sun et al., 2019)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from fed.states import State
from model.parts import learned
from server.reductions import Fold, Reduction, Sums
from server.reductions._held import HeldUpdates, Weights, stacked
from server.reductions.median import weighted_median


@dataclass(frozen=True)
class NormBounded(Reduction):
    """The weighted mean, no site's change of a module longer than the sites' own median.

    Running statistics are no changes along a gradient: of these the weighted median is taken.

    Attributes
    ----------
    factor : float
        The bound, as a multiple of the median norm of the changes.
    """

    factor: Annotated[float, Field(gt=0)] = 1.0

    def fold(self, current: State) -> Fold:
        """Return a fold that holds all updates."""
        return HeldUpdates(lambda updates, weights: self._bounded(current, updates, weights))

    def _bounded(
        self, current: State, updates: list[State], weights: Weights
    ) -> tuple[Sums, Mapping[str, Any]]:
        weighed = [key for key in updates[0] if learned(key)]
        norms = np.array([change_norm(current, update, weighed) for update in updates])
        bound = self.factor * float(weighted_median(norms, weights))
        scales = np.minimum(1.0, bound / np.maximum(norms, np.finfo(np.float64).tiny))
        result: Sums = {}
        for key in updates[0]:
            values = stacked(updates, key)
            if key not in weighed:
                result[key] = weighted_median(values, weights)
                continue
            before = current[key].astype(np.float64)
            result[key] = before + np.tensordot(weights * scales, values - before, axes=1)
        return result, {"bound": bound, "bounded": int((scales < 1).sum())}


def change_norm(current: State, update: State, keys: list[str]) -> float:
    """Return the Euclidean norm of a site's change of some parameters."""
    squares = (
        float(np.square(update[key].astype(np.float64) - current[key]).sum()) for key in keys
    )
    return float(np.sqrt(sum(squares)))
