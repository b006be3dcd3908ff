"""Models kept apart: every site goes on with its own, and nothing is averaged.

The server keeps them for the sites, which remember nothing between messages: beside the model
that all started from, the state holds each site's own weights under ``site/name``, where
`fed.own_models` finds them.
"""

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from fed.protocol import Update
from fed.sites import SiteCard
from fed.states import State
from server.aggregation import Reduced


class OwnModels:
    """Takes the place of the reduction of a round: keeps each update under its site.

    Parameters
    ----------
    current : State
        With the sites' own models of earlier rounds.
    """

    trained: Sequence[str] = ()
    """Nothing of the common model is."""

    def __init__(self, current: State) -> None:
        self._state: dict[str, NDArray[Any]] = dict(current)

    def add(self, update: Update, card: SiteCard) -> None:
        """Keep one site's update."""
        for name, value in update.parameters.items():
            self._state[f"{card.name}/{name}"] = value

    def result(self) -> Reduced:
        """Return the state with every site's newest model."""
        return Reduced(dict(self._state))
