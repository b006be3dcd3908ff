"""How the averaged update moves the global model: adaptive federated optimisation.

Reddi et al., *Adaptive Federated Optimization*, ICLR 2021. The pseudo-gradient of a weight is
``d = average - current``. Running statistics are no weights and take the average.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fed.config.method import ServerStep
from fed.protocol import State
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
        if self.step.optimizer == "fedavg" and self.step.lr in (None, 1.0):
            return moved
        for name in sorted(trained):
            if learned(name):
                before = current[name].astype(np.float64)
                change = self._change(name, average[name].astype(np.float64) - before)
                moved[name] = (before + change).astype(current[name].dtype)
        return moved

    def _change(self, name: str, difference: NDArray[np.float64]) -> NDArray[np.float64]:
        return _CHANGES[self.step.optimizer](self, name, difference)

    def _fedavg(self, name: str, difference: NDArray[np.float64]) -> NDArray[np.float64]:
        return (self.step.lr or 1.0) * difference

    def _fedavgm(self, name: str, difference: NDArray[np.float64]) -> NDArray[np.float64]:
        """``v = beta v + d; w += lr v`` (Hsu et al., 2019)."""
        zero = np.zeros_like(difference)
        self.first[name] = self.step.momentum * self.first.get(name, zero) + difference
        return (self.step.lr or 1.0) * self.first[name]

    def _fedadam(self, name: str, difference: NDArray[np.float64]) -> NDArray[np.float64]:
        """``m, v`` decaying means of ``d, d^2``; ``w += lr m / (sqrt(v) + tau)``."""
        step, zero = self.step, np.zeros_like(difference)
        self.first[name] = (
            step.momentum * self.first.get(name, zero) + (1 - step.momentum) * difference
        )
        self.second[name] = (
            step.second * self.second.get(name, zero + step.tau**2)
            + (1 - step.second) * difference**2
        )
        return (step.lr or 0.01) * self.first[name] / (np.sqrt(self.second[name]) + step.tau)


_CHANGES: Mapping[str, Any] = {
    "fedavg": ServerOptimizer._fedavg,
    "fedavgm": ServerOptimizer._fedavgm,
    "fedadam": ServerOptimizer._fedadam,
}
