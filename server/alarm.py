"""The alarm: the model moves further than in the rounds before.

A round's movement of a module is the Euclidean length of the way that its weights went. It is
compared to the median over the rounds of the same phase before it, at least `FEWEST` and at most
`LATEST` of them. A median follows a learning rate that falls, and one bad round does not move it.
Along an honest run the movement falls (the learning rate does) or grows slowly; above `LIMIT` times
the median something else has happened: sites that send what they should not, or training that
diverges.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from fed.states import State
from model.parts import learned
from model.rima import modules_of

FEWEST, LATEST = 2, 5
LIMIT = 3.0
"""In the demo no module moved further than 1.1 times the median of the rounds before."""


@dataclass(frozen=True)
class Movement:
    """How far each module went in a round of a phase."""

    phase: int
    modules: Mapping[str, float]


def movement(before: State, after: State, trained: Collection[str]) -> dict[str, float]:
    """Return by module the length of the way from one model to the next, over learned weights."""
    return {
        module: float(np.sqrt(sum(_square(before[k], after[k]) for k in keys)))
        for module, keys in modules_of({k: None for k in trained if learned(k)}).items()
    }


def alarms(new: Movement, earlier: Sequence[Movement]) -> tuple[str, ...]:
    """Say of each module that went much further than in the rounds before how far it went."""
    told = []
    for module, length in new.modules.items():
        known = [m.modules[module] for m in earlier if m.phase == new.phase and module in m.modules]
        if len(known) < FEWEST:
            continue
        usual = median(known[-LATEST:])
        if usual > 0 and length > LIMIT * usual:
            told.append(
                f"{module} moved {length / usual:.1f} times as far as in the rounds before "
                f"({length:.3g}, median {usual:.3g})"
            )
    return tuple(told)


def _square(before: np.ndarray, after: np.ndarray) -> float:
    return float(np.square(after.astype(np.float64) - before).sum())
