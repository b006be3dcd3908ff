"""Starting from the state that another run left."""

from pathlib import Path
from typing import Any

import numpy as np

from fed.config import Config, load
from fed.config.prefix import state_key, up_to_phase
from fed.errors import ConfigError
from fed.schedule import schedule
from fed.sites import MODALITIES
from fed.states import State
from model.parts import trained_modules
from server.checkpoint import load_checkpoint
from server.differences import first_difference
from server.ledger import Ledger
from server.state import ServerState


def check_start(config: Config) -> None:
    """Refuse a `start` that this run cannot go on from.

    Raises
    ------
    ConfigError
        Naming the folder, and what differs first.
    """
    if config.start is not None:
        _phases_of(config, Path(config.start))


def started(config: Config, initial: State, folder: Path) -> tuple[ServerState, Ledger]:
    """Return the state and the ledger that a run goes on with.

    Parts that the finished phases did not train are as `initial` has them.

    Raises
    ------
    ConfigError
        If the run in `folder` trained something else, or is not finished.
    """
    phases = _phases_of(config, folder)
    found = load_checkpoint(folder / "checkpoints")
    ends = [plan.number for plan in schedule(config) if plan.last][phases - 1]
    if found is None or found[0].completed != ends:
        raise ConfigError(f"start: the run in {folder} is not finished; go on with it first")
    state, ledger = found
    kept = config.method.phases[:phases]
    if any(phase.joins for phase in kept):
        return state, ledger
    modules = trained_modules({part for phase in kept for part in phase.trains}, MODALITIES)
    taken = ServerState(
        _taken_over(initial, state.model, modules),
        state.completed,
        tuple(_taken_over(initial, model, modules) for model in state.recent),
        state.moments,
        state.bank,
        state.kept,
        state.anchors,
    )
    return taken, ledger


def _phases_of(config: Config, folder: Path) -> int:
    """Return how many phases of this run the one in `folder` has trained."""
    if not (folder / "config.yaml").is_file():
        raise ConfigError(f"start: {folder} holds no config.yaml, so no run to go on from")
    other = load([folder / "config.yaml"])
    if other.evaluation.patience is not None:
        raise ConfigError(
            f"start: the run in {folder} stops when it is out of evaluation.patience; a phase that "
            "others start from is trained to its end"
        )
    phases = len(other.method.phases)
    if phases == len(config.method.phases) and config.evaluation.keep == "best":
        raise ConfigError(
            f"start: the run in {folder} has trained all phases of {config.method.name}, which leaves "
            "evaluation.keep: best no round to choose; allowed: last"
        )
    if phases > len(config.method.phases):
        raise ConfigError(
            f"start: the run in {folder} has {phases} phases; {config.method.name} has "
            f"{len(config.method.phases)}"
        )
    if state_key(other, phases) != state_key(config, phases):
        ours, theirs = (up_to_phase(c, phases).model_dump() for c in (config, other))
        difference = first_difference(ours, theirs) or "file of weights"
        raise ConfigError(
            f"start: the run in {folder} has another {difference}; its phases must be the first "
            "ones of this run"
        )
    return phases


def _taken_over(initial: State, found: State, modules: tuple[str, ...]) -> dict[str, Any]:
    """Return the found values of trained modules, and of models that sites keep apart."""
    own = {key: np.array(v) for key, v in initial.items() if _module(key) not in modules}
    return own | {key: v for key, v in found.items() if "/" in key or _module(key) in modules}


def _module(key: str) -> str:
    return key.split(".", 1)[0]
