"""ServerApp: gathers the membership, runs the rounds, writes the outputs."""

import time
from collections.abc import Sequence
from logging import getLogger
from pathlib import Path
from typing import cast

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from fed import running
from fed.config import Config
from fed.config.clock import SecondsPerCase
from fed.data.cases import CaseSource
from fed.engines import SimulationGrid
from fed.engines.runtime import RuntimeGrid
from fed.engines.site import one_thread
from fed.report import write_report
from fed.schedule import schedule
from fed.storage import locked
from server.algorithm import Algorithm
from server.connections import Connections
from server.federation import Federation
from server.judged import judged_state
from server.judgement import check_sets
from server.ledger import Ledger
from server.log import log_to
from server.membership import Membership
from server.modular import modular
from server.observers import Observer
from server.onboarding import check_archives
from server.progress import LogProgress
from server.recorder import Recorder
from server.start import started
from server.state import ServerState

log = getLogger(__name__)


def make_app(
    observers: Sequence[Observer] = (),
    seconds_per_case: SecondsPerCase | None = None,
    source: CaseSource | None = None,
    spacing_s: float = 0.0,
) -> ServerApp:
    """Return a ServerApp whose run the observers follow.

    Parameters
    ----------
    observers : sequence of Observer
    seconds_per_case : SecondsPerCase, optional
        What the virtual clock counts with, where the configuration does not say
        (``clock.seconds_per_case``). Without either there is no virtual time.
    source : CaseSource, optional
        In a simulation, which holds all the data: what was read of it goes into the results.
    spacing_s : float
        Between checkpoints, as `Recorder` takes it.
    """
    server_app = ServerApp()

    @server_app.main()
    def main(grid: Grid, context: Context) -> None:
        if not running.by_engine(context.run_config):
            run_under_flower(grid, context.run_config)
            return
        config = running.configured(context.run_config)
        directory = Path(str(context.run_config["out"]))
        recorder = Recorder(directory, config, source=source, spacing_s=spacing_s)
        connections = Connections(grid, config, sites=cast(SimulationGrid, grid).site_names)
        coordinate(config, recorder, connections, grid, observers, seconds_per_case)

    return server_app


def coordinate(
    config: Config,
    recorder: Recorder,
    connections: Connections,
    grid: Grid,
    observers: Sequence[Observer],
    seconds_per_case: SecondsPerCase | None = None,
) -> None:
    """Run one federation from its membership to its results; an interrupted one goes on.

    Raises
    ------
    ConfigError
        If an archive or calibration leaves a held-out site no case to be judged on, or `start` does not fit.
    RunError
        If a site cannot be reached at the start, or too few answer a round.
    """
    begun = time.perf_counter()
    membership = connections.open()
    check_archives(config, (member.card for member in membership.members))
    check_sets(config, (member.card for member in membership.members))
    algorithm = modular(config)
    state, ledger = recorder.resume() or _begin(config, algorithm, membership, recorder)
    ledger.seconds_per_case = _seconds_per_case(config, ledger, seconds_per_case)
    if config.attack is not None:
        log.warning("%s", config.attack.words)
        ledger.warn([config.attack.words])
    for observer in observers:
        observer.started(tuple(m.card for m in membership.members), schedule(config))
    method = config.method
    log.info("%s: %s; %d rounds", method.name, method.summary, len(schedule(config)))
    federation = Federation(config, connections, grid, ledger, observers)
    results = None
    try:
        last, scores = federation.run(algorithm, state, recorder, recorder.stops)
        state = recorder.kept(last)
        if scores is None or state is not last:
            scores = federation.judge(state)
        seconds = time.perf_counter() - begun
        results = recorder.finish(connections.everyone(), state, ledger, scores, seconds)
    finally:
        for observer in observers:
            observer.ended(results)


def _begin(
    config: Config, algorithm: Algorithm, membership: Membership, recorder: Recorder
) -> tuple[ServerState, Ledger]:
    """Return the state before the first round, or the one that another run left.

    Raises
    ------
    ConfigError, DataError
        If that one does not fit, or cannot be read.
    """
    if config.judge is not None:
        return judged_state(config, config.judge), Ledger()
    first = algorithm.init(tuple(member.card for member in membership.members))
    if config.start is None:
        return first, Ledger()
    folder = Path(config.start)
    state, ledger = started(config, first.model, folder)
    recorder.take_over(folder)
    return state, ledger


def _seconds_per_case(
    config: Config, ledger: Ledger, measured: SecondsPerCase | None
) -> SecondsPerCase | None:
    """Return what the clock counts with; a state from elsewhere keeps its own for its phases."""
    if config.clock is None:
        return None
    return {
        **(config.clock.seconds_per_case or measured or {}),
        **(ledger.seconds_per_case or {}),
    } or None


def run_under_flower(grid: Grid, run_config: running.Values) -> None:
    """Run the federation on a runtime of Flower's, simulated or deployed.

    The run's folder also gets the log and a report, without images: none leaves a site.

    Raises
    ------
    ConfigError
        If the run configuration is wrong.
    RunError
        As `coordinate` does.
    """
    config = running.configured(run_config)
    directory = running.output_folder(config, run_config)
    patience_s = float(run_config["patience-s"])
    sites = RuntimeGrid(grid, patience_s)
    with locked(directory), one_thread(), log_to(directory / "log.txt"):
        try:
            connections = Connections(sites, config, patience_s)
            recorder = Recorder(directory, config, engine="flower")
            coordinate(
                config, recorder, connections, sites, [LogProgress(config.evaluation.headline)]
            )
            log.info("report: %s", write_report(directory, []))
        except Exception:
            log.exception("stopped; to go on: set resume=true")
            raise


app = make_app()
