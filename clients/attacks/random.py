"""Gaussian noise in place of training (Blanchard et al., NeurIPS 2017)."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from clients.attacks import Attack
from clients.attacks._changes import changed
from fed.states import State


@dataclass(frozen=True)
class Random(Attack):
    """Sends weights that go in a random direction.

    Attributes
    ----------
    factor : float
        How many times as far as training took each array of weights.
    """

    factor: Annotated[float, Field(gt=0)] = 10.0

    def parameters(self, trained: State, received: State, random: np.random.Generator) -> State:
        """Replace the change of each weight by noise; an array's change keeps its length."""

        def noise(change: np.ndarray) -> np.ndarray:
            drawn = random.standard_normal(change.shape)
            return self.factor * np.linalg.norm(change) / np.linalg.norm(drawn) * drawn

        return changed(trained, received, noise)
