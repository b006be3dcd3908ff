"""Where every site goes on with a model of its own: whose weights are whose in one state.

Beside the model that all started from, the state holds each site's own weights under ``site/name``.
"""

from fed.sites import MODALITIES, Modality
from fed.states import State
from model.parts import ENCODER, HEAD
from model.rima import modules_of


def own_state(state: State, site: str) -> State:
    """Return the model a site goes on with: its own weights, and the common start of the rest."""
    return {name: state.get(f"{site}/{name}", value) for name, value in common(state).items()}


def owners(state: State) -> list[str]:
    """Return the sites that have a model of their own, by name; none where updates are averaged."""
    return sorted({name.partition("/")[0] for name in state if "/" in name})


def owned(state: State, site: str) -> list[Modality]:
    """Return the modalities whose encoder, or head on an encoder that is frozen, a site has trained."""
    trained = modules_of(
        {name.partition("/")[2]: None for name in state if name.startswith(f"{site}/")}
    )
    return [m for m in MODALITIES if ENCODER[m] in trained or HEAD[m] in trained]


def common(state: State) -> State:
    """Return the model that all sites started from."""
    return {name: value for name, value in state.items() if "/" not in name}
