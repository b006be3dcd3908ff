"""Steps in the opposite direction (Li et al., AAAI 2019)."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from clients.attacks import Attack
from clients.attacks._changes import changed
from fed.states import State


@dataclass(frozen=True)
class SignFlipped(Attack):
    """Sends weights that go the opposite way of where training took them.

    Attributes
    ----------
    factor : float
        How many times as far.
    """

    factor: Annotated[float, Field(gt=0)] = 1.0

    def parameters(self, trained: State, received: State, random: np.random.Generator) -> State:
        """Turn the change of each weight round."""
        return changed(trained, received, lambda change: -self.factor * change)
