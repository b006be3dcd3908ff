"""How the averaged update moves the global model: adaptive federated optimisation.

Reddi et al., *Adaptive Federated Optimization*, ICLR 2021. The pseudo-gradient of a weight is
``d = average - current``. Running statistics are no weights and take the average.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fed.config.method import ServerStep
from fed.states import State
from model.parts import learned

Moments = dict[str, NDArray[np.float64]]


@dataclass
class ServerOptimizer:
    """Moves the weights that the sites trained; what no site trained stays.

    Attributes
    ----------
    step : ServerStep
    first, second : dict
        Moments of each weight that has moved; the optimizer's whole state, kept between rounds.
    """

    step: ServerStep
    first: Moments = field(default_factory=dict)
    second: Moments = field(default_factory=dict)

    def move(
        self, current: State, average: State, trained: Collection[str]
    ) -> dict[str, NDArray[Any]]:
        """Return the new global model.

        Parameters
        ----------
        current, average : State
            The model before the round, and the average of the sites' updates.
        trained : collection of str
            Names that some site returned.
        """
        moved = dict(average)
        if self.step.optimizer == "fedavg" and self.step.rate == 1.0:
            return moved  # the average itself, without a rounding error on the way
        for name in sorted(trained):
            if learned(name):
                before = current[name].astype(np.float64)
                change = self._change(name, average[name].astype(np.float64) - before)
                moved[name] = (before + change).astype(current[name].dtype)
        return moved

    def _change(self, name: str, difference: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.step.optimizer == "fedadam":
            return self.step.rate * self._adam(name, difference)
        if self.step.optimizer == "fedavgm":
            return self.step.rate * self._momentum(name, difference)
        return self.step.rate * difference

    def _momentum(self, name: str, difference: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return ``v = beta v + d`` (Hsu et al., 2019)."""
        before = self.first.get(name, np.zeros_like(difference))
        self.first[name] = self.step.momentum * before + difference
        return self.first[name]

    def _adam(self, name: str, difference: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return ``m / (sqrt(v) + tau)`` with decaying means ``m, v`` of ``d, d^2``."""
        first, second, tau = self.step.momentum, self.step.second, self.step.tau
        m = self.first.get(name, np.zeros_like(difference))
        v = self.second.get(name, np.full_like(difference, tau**2))
        self.first[name] = first * m + (1 - first) * difference
        self.second[name] = second * v + (1 - second) * difference**2
        return self.first[name] / (np.sqrt(self.second[name]) + tau)
