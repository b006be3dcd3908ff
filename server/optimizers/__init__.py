"""How the reduced update moves the global model, one file an optimizer.

Reddi et al., *Adaptive Federated Optimization*, ICLR 2021. The pseudo-gradient of a weight is
``d = reduced - current``. Running statistics are no weights and take the reduced value.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fed.states import State
from model.parts import learned

Moments = Mapping[str, NDArray[np.float64]]
"""What an optimizer keeps of each weight between rounds, under names of its own."""


@dataclass(frozen=True)
class Moved:
    """The global model after a step, and what the optimizer keeps."""

    model: State
    moments: Moments = field(default_factory=dict)


class ServerOptimizer(ABC):
    """Moves the weights that the sites trained; what no site trained stays."""

    def move(
        self, current: State, reduced: State, trained: Collection[str], moments: Moments
    ) -> Moved:
        """Return the new global model.

        Parameters
        ----------
        current, reduced : State
            The model before the round, and with what the reduction made of the updates.
        trained : collection of str
            Names that some site returned.
        moments : Moments
            What `move` returned in the round before; empty in the first.
        """
        model: dict[str, NDArray[Any]] = dict(reduced)
        kept = dict(moments)
        for name in sorted(trained):
            if learned(name):
                before = current[name].astype(np.float64)
                difference = reduced[name].astype(np.float64) - before
                change, own = self._step(name, difference, moments)
                kept |= own
                model[name] = (before + change).astype(current[name].dtype)
        return Moved(model, kept)

    @abstractmethod
    def _step(
        self, name: str, difference: NDArray[np.float64], moments: Moments
    ) -> tuple[NDArray[np.float64], Moments]:
        """Return the change of a weight, and its moments after it."""
