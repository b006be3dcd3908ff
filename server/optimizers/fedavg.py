"""Federated averaging: the reduced update is the new model (McMahan et al., AISTATS 2017)."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fed.states import State
from server.optimizers import Moments, Moved, ServerOptimizer


@dataclass(frozen=True)
class FedAvg(ServerOptimizer):
    """``w + lr d``; with a rate of 1 the reduced update replaces the model.

    Attributes
    ----------
    lr : float
        Server learning rate.
    """

    lr: Annotated[float, Field(gt=0)] = 1.0

    def move(
        self, current: State, reduced: State, trained: Collection[str], moments: Moments
    ) -> Moved:
        """Return the reduced update itself at a rate of 1: no rounding error on the way."""
        return (
            Moved(reduced) if self.lr == 1.0 else super().move(current, reduced, trained, moments)
        )

    def _step(
        self, name: str, difference: NDArray[np.float64], moments: Moments
    ) -> tuple[NDArray[np.float64], Moments]:
        return self.lr * difference, {}
