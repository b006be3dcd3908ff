"""Model replacement by boosting (Bagdasaryan et al., AISTATS 2020)."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from clients.attacks import Attack
from clients.attacks._changes import changed
from fed.states import State


@dataclass(frozen=True)
class Scaled(Attack):
    """Sends weights that go further than training took them.

    Attributes
    ----------
    factor : float
        How many times as far.
    """

    factor: Annotated[float, Field(gt=0)] = 10.0
    way: ClassVar[int] = 1

    def parameters(self, trained: State, received: State, random: np.random.Generator) -> State:
        """Multiply the change of each weight."""
        return changed(trained, received, lambda change: self.way * self.factor * change)
