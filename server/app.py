"""ServerApp: gathers the roster, runs the rounds, writes the outputs."""

import json
import time
from collections.abc import Sequence
from logging import getLogger
from pathlib import Path
from typing import Any

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from fed import running
from fed.config import Config, resolve
from fed.config.clock import Pace
from fed.engines.runtime import RuntimeGrid
from fed.engines.site import one_thread
from fed.initial import initial_model
from fed.report import write_report
from server.attendance import Attendance
from server.log import log_to
from server.observers import Observer
from server.onboarding import check_archives
from server.progress import LogProgress
from server.recorder import Recorder
from server.rounds import Progress, Rounds, Saver, first_progress
from server.schedule import schedule
from server.sharing import SharedStates

log = getLogger(__name__)


def make_app(
    observers: Sequence[Observer] = (),
    shared: Path | None = None,
    pace: Pace | None = None,
) -> ServerApp:
    """Return a ServerApp whose run the observers follow.

    Parameters
    ----------
    observers : sequence of Observer
    shared : Path, optional
        Where a study keeps what its runs have in common; see `server.sharing`.
    pace : Pace, optional
        What the virtual clock counts with, where the configuration does not say
        (``clock.seconds_per_case``). Without either there is no virtual time.
    """
    server_app = ServerApp()

    @server_app.main()
    def main(grid: Grid, context: Context) -> None:
        if not running.by_engine(context.run_config):
            run_under_flower(grid, context.run_config)
            return
        config = resolve(json.loads(str(context.run_config["federation"])))
        directory = Path(str(context.run_config["out"]))
        states = None if shared is None else SharedStates(shared, config)
        recorder, attendance = Recorder(directory, config), Attendance(grid, config)
        coordinate(config, recorder, attendance, grid, observers, states, pace)

    return server_app


def coordinate(
    config: Config,
    recorder: Recorder,
    attendance: Attendance,
    grid: Grid,
    observers: Sequence[Observer],
    shared: SharedStates | None = None,
    pace: Pace | None = None,
) -> None:
    """Run one federation from its roster to its results; an interrupted one goes on.

    One that has not begun starts from the furthest of the `shared` states, if there is any.

    Raises
    ------
    ConfigError
        If an archive leaves a held-out site no case to be judged on.
    RunError
        If a site cannot be reached at the start, or too few answer a round.
    """
    start = time.perf_counter()
    roster = attendance.open()
    check_archives(config, (member.card for member in roster.members))
    progress = recorder.resume()
    unscored: dict[str, Any] | None = None
    if progress is None and shared is not None and (found := shared.furthest()) is not None:
        progress, records = found
        *complete, unscored = records
        recorder.take_over(complete)
    progress = progress or first_progress(initial_model(config), config)
    # A state from elsewhere was timed by its own pace, which may lack phases of this method.
    pace = {**(config.clock.seconds_per_case or pace or {}), **(progress.pace or {})}
    progress.pace = pace or None
    for observer in observers:
        observer.started(tuple(m.card for m in roster.members), schedule(config))
    rounds = Rounds(config, attendance, grid, observers)
    verdict = rounds.run(progress, recorder, _sharing(recorder, shared), unscored)
    if not verdict.held_out:  # resumed after the last round
        verdict = rounds.judge(progress, progress.completed)
    recorder.finish(attendance.everyone(), progress, verdict, time.perf_counter() - start)


def _sharing(recorder: Recorder, shared: SharedStates | None) -> Saver:
    """Return what leaves the state of a round that has been trained to other runs."""

    def leave(progress: Progress, record: dict[str, Any]) -> None:
        if shared is not None and progress.completed in shared.keys:
            shared.keep(progress, [*recorder.records(), record])

    return leave


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
    config = resolve(json.loads(running.federation(run_config)))
    directory = running.output_folder(config, run_config)
    patience_s = float(run_config["patience-s"])
    sites = RuntimeGrid(grid, patience_s)
    with one_thread(), log_to(directory / "log.txt"):
        try:
            attendance = Attendance(sites, config, patience_s)
            recorder = Recorder(directory, config, engine="flower")
            coordinate(config, recorder, attendance, sites, [LogProgress()])
            log.info("report: %s", write_report(directory, []))
        except Exception:
            log.exception("stopped; to go on: set resume=true")
            raise


app = make_app()
