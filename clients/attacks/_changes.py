"""Changing the weights of an update, and not the running statistics, which the border bounds."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fed.states import State
from model.parts import learned

Change = NDArray[np.float64]


def changed(trained: State, received: State, how: Callable[[Change], Change]) -> State:
    """Return an update whose weights went another way: `how` is given the change of each array."""
    return {
        name: _moved(value, received[name], how) if learned(name) else value
        for name, value in trained.items()
    }


def _moved(
    value: NDArray[np.float32], before: NDArray[np.float32], how: Callable[[Change], Change]
) -> NDArray[np.float32]:
    change = value.astype(np.float64) - before
    return (before + how(change)).astype(np.float32)
