"""Judging a finished model: the state that a run is over with, before it has begun."""

from pathlib import Path

from fed.config import Config
from fed.config.judged import Judged
from fed.errors import ConfigError
from fed.results import JudgedRun, read_results
from fed.schedule import schedule
from fed.weights import read_weights
from server.state import ServerState


def judged_state(config: Config, judged: Judged) -> ServerState:
    """Return the state that a finished run left, as if this one had trained it.

    Raises
    ------
    ConfigError
        If another model is there than the configuration says.
    DataError
        If it cannot be read.
    """
    weights = read_weights(Path(judged.run))
    if weights.digest != judged.sha256:
        raise ConfigError(
            f"judge: the model in {judged.run} is not the one that is to be judged (its SHA-256 is "
            f"{weights.digest}); judge it anew: fedrima judge"
        )
    return ServerState(weights.state, completed=len(schedule(config)), bank=weights.bank)


def judged_run(judged: Judged) -> JudgedRun:
    """Return what results tell of the run whose model was judged.

    Raises
    ------
    DataError
        If its results cannot be read.
    """
    results = read_results(Path(judged.run))
    return JudgedRun(
        run=judged.run,
        sha256=judged.sha256,
        name=results.name,
        method=results.method,
        seed=results.seed,
        rounds=results.rounds_completed,
        sites=len(results.with_role("train")),
    )
