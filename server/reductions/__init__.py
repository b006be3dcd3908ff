"""How the updates of a module become one, one file a way (`method.reduce`)."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from fed.states import State
from server.weights import Stratum, Weight

Sums = dict[str, NDArray[np.float64]]
FACTORS = "factors"
"""Under this name a reduction that shortens updates tells by how much, one factor an update in the
order of `Fold.add`; 1 is an update that was left as it is."""


class Fold(Protocol):
    """The updates of one module, taken in one at a time, in an order that the engines fix."""

    def add(self, update: State, weight: float, stratum: Stratum) -> None:
        """Take in one site's values of the module."""
        ...

    def result(self, rule: Weight) -> tuple[Sums, Mapping[str, Any]]:
        """Return the module's new values, and what to tell of the reduction.

        Parameters
        ----------
        rule : Weight
            Weighs the strata against each other.
        """
        ...


class Reduction(ABC):
    """A way to reduce the updates of a module.

    Attributes
    ----------
    streams : bool
        Whether an update is folded as it arrives and then forgotten. Others hold all updates of a
        round until the last has come.
    """

    streams: ClassVar[bool] = False

    @abstractmethod
    def fold(self, current: State) -> Fold:
        """Return an empty fold of a module.

        Parameters
        ----------
        current : State
            The module before the round.
        """
