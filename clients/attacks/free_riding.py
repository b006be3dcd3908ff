"""No contribution at all (Fraboni et al., AISTATS 2021)."""

from dataclasses import dataclass

import numpy as np

from clients.attacks import Attack
from fed.states import State


@dataclass(frozen=True)
class FreeRiding(Attack):
    """Sends back what it received, as if it had trained on its cases."""

    def parameters(self, trained: State, received: State, random: np.random.Generator) -> State:
        """Return the modules as they came."""
        return {name: received[name] for name in trained}
