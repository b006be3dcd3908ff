"""Models kept apart: every site goes on with its own, and nothing is averaged.

The server keeps them for the sites, which remember nothing between messages: beside the model
that all started from, the state holds each site's own weights under ``site/name``.
"""

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from fed.protocol import Update
from fed.sites import MODALITIES, Modality, SiteCard
from fed.states import State
from model.parts import ENCODER
from model.rima import modules_of
from server.aggregation import Reduced


def own_state(state: State, site: str) -> State:
    """Return the model a site goes on with: its own weights, and the common start of the rest."""
    return {name: state.get(f"{site}/{name}", value) for name, value in common(state).items()}


def owners(state: State) -> list[str]:
    """Return the sites that have a model of their own, by name; none where updates are averaged."""
    return sorted({name.partition("/")[0] for name in state if "/" in name})


def owned(state: State, site: str) -> list[Modality]:
    """Return the modalities whose encoder a site has trained."""
    trained = modules_of(
        {name.partition("/")[2]: None for name in state if name.startswith(f"{site}/")}
    )
    return [modality for modality in MODALITIES if ENCODER[modality] in trained]


def common(state: State) -> State:
    """Return the model that all sites started from."""
    return {name: value for name, value in state.items() if "/" not in name}


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
