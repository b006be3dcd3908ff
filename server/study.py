"""Runs a study: each run in a process of its own, as many at once as there are cores."""

import multiprocessing
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from fed.config import Config
from fed.data.opening import open_source
from fed.errors import RunError, UserError
from fed.initial import initial_model
from fed.report.words import counted, duration
from fed.results import is_finished
from fed.storage import write_text
from fed.study.plan import PlannedRun, phase_work
from server.progress import LogProgress
from server.schedule import schedule
from server.sharing import state_keys
from server.simulation import simulate

SHARED = "shared"
"""Folder of a study that holds what its runs have in common."""
FAILED = "failed.txt"
"""File of a run that could not finish: why."""
SECONDS_A_UNIT = 0.0044
"""Of `fed.study.plan.phase_work`, on a core of the machine that the documents' figures were made on,
with both cores busy; the first runs that end correct it."""
SECONDS_A_RUN = 8.0
"""To score a model and write a report, on the same machine."""
LOOK_S = 0.5


@dataclass(frozen=True)
class FailedRun:
    """A run that did not finish, and why."""

    run: PlannedRun
    reason: str


@dataclass
class _Job:
    run: PlannedRun
    process: ForkServerProcess
    task: TaskID
    foreseen: float
    started: float = field(default_factory=time.monotonic)


class StudyRunner:
    """Runs what is left of a study.

    Parameters
    ----------
    runs : sequence of PlannedRun
    directory : Path
        The folder of the study; finished runs in it are kept.
    workers : int, optional
        Processes at once; by default one a core.
    console : rich.console.Console
    """

    def __init__(
        self,
        runs: Sequence[PlannedRun],
        directory: Path,
        workers: int | None,
        console: Console,
    ) -> None:
        self._directory = directory
        self._workers = workers or len(os.sched_getaffinity(0))
        self._console = console
        self._runs = runs
        self._todo = [run for run in runs if not finished(directory, run)]
        self._keys = {run.folder: _keys(run) for run in self._todo}
        self._failed: list[FailedRun] = []
        self._pace = 1.0
        self._spent = self._foreseen = 0.0

    @property
    def expected_seconds(self) -> float:
        """How long what is left will take."""
        known = self._shared()
        seconds = 0.0
        for run in self._todo:
            seconds += self._expected(run, known)
            known |= set(self._keys[run.folder].values())
        return self._pace * seconds / self._workers

    def _expected(self, run: PlannedRun, known: set[str]) -> float:
        return SECONDS_A_RUN + SECONDS_A_UNIT * _work_left(run, self._keys[run.folder], known)

    def announce(self) -> None:
        """Say how many runs there are and how long they will take."""
        kept = len(self._runs) - len(self._todo)
        self._console.print(
            f"{counted(len(self._runs), 'run')}, {kept} of them finished before; "
            f"{self._workers} at a time; expected to take {duration(self.expected_seconds)}"
        )

    def run(self) -> list[FailedRun]:
        """Run all that is left; return the runs that failed.

        Raises
        ------
        KeyboardInterrupt
            When interrupted; every run keeps the rounds it has completed.
        """
        self._store.mkdir(parents=True, exist_ok=True)
        context = _context()
        jobs: list[_Job] = []
        with self._progress() as progress:
            total = progress.add_task("runs", total=len(self._runs))
            progress.advance(total, len(self._runs) - len(self._todo))
            try:
                while self._todo or jobs:
                    while len(jobs) < self._workers and (run := self._next(jobs)) is not None:
                        jobs.append(self._start(context, run, progress))
                    wait([job.process.sentinel for job in jobs], timeout=LOOK_S)
                    for job in jobs:
                        progress.update(job.task, completed=_rounds(self._directory, job.run))
                    for job in [job for job in jobs if not job.process.is_alive()]:
                        jobs.remove(job)
                        progress.remove_task(job.task)
                        progress.advance(total)
                        self._ended(job)
            finally:
                for job in jobs:
                    job.process.terminate()
                    job.process.join()
        return self._failed

    @property
    def _store(self) -> Path:
        return self._directory / SHARED

    def _shared(self) -> set[str]:
        return {path.name for path in self._store.glob("*")} if self._store.exists() else set()

    def _progress(self) -> Progress:
        return Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=self._console,
            transient=True,
        )

    def _next(self, jobs: Sequence[_Job]) -> PlannedRun | None:
        """Return the first run that does not wait for what a running one is about to share."""
        coming = {key for job in jobs for key in self._keys[job.run.folder].values()}
        coming = {key for key in coming if not (self._store / key).exists()}
        for run in self._todo:
            if coming.isdisjoint(self._keys[run.folder].values()):
                self._todo.remove(run)
                return run
        return None

    def _start(
        self, context: multiprocessing.context.ForkServerContext, run: PlannedRun, bars: Progress
    ) -> _Job:
        folder = self._directory / run.folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FAILED).unlink(missing_ok=True)
        process = context.Process(
            target=_work, args=(run.config.model_dump_json(), folder, self._store), daemon=True
        )
        process.start()
        words = f"  {run.method} s{run.seed} {run.setting}"
        rounds = len(schedule(run.config))
        foreseen = self._expected(run, self._shared())
        return _Job(run, process, bars.add_task(words, total=rounds), foreseen)

    def _ended(self, job: _Job) -> None:
        run, seconds = job.run, time.monotonic() - job.started
        name = f"{run.method}, seed {run.seed}, {run.setting}"
        if finished(self._directory, run):
            self._spent, self._foreseen = self._spent + seconds, self._foreseen + job.foreseen
            self._pace = self._spent / self._foreseen
            left = f", about {duration(self.expected_seconds)} left" if self._todo else ""
            self._console.print(f"{name}: done in {duration(seconds)}{left}", markup=False)
            return
        file = self._directory / run.folder / FAILED
        code = job.process.exitcode
        reason = file.read_text() if file.exists() else f"its process ended with code {code}"
        self._failed.append(FailedRun(run, reason))
        self._console.print(f"{name}: failed: {reason}", style="red", markup=False)


def _context() -> multiprocessing.context.ForkServerContext:
    """Return what starts processes that have imported everything, from where we are ourselves."""
    root = str(Path(__file__).parents[1])
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([root, *filter(None, paths)]))
    os.environ["OMP_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["server.simulation", "clients.app", "matplotlib.figure"])
    return context


def finished(directory: Path, run: PlannedRun) -> bool:
    """Return whether a run of a study has its results."""
    return is_finished(directory / run.folder)


def _work(federation: str, folder: Path, store: Path) -> None:
    """Be the process of one run: everything it says goes to its log."""
    log = os.open(folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    config = Config.model_validate_json(federation)
    try:
        simulate(config, open_source(config, check=False), folder, [LogProgress()], store)
    except (UserError, RunError) as error:
        write_text(folder / FAILED, str(error))
        sys.exit(3)
    except KeyboardInterrupt:
        sys.exit(130)


def _keys(run: PlannedRun) -> dict[int, str]:
    return state_keys(run.config, initial_model(run.config))


def _work_left(run: PlannedRun, keys: Mapping[int, str], known: set[str]) -> float:
    """Return the work of the phases after the last one whose end is known."""
    work = phase_work(run.config)
    shared = [phase for phase, key in enumerate(keys.values(), start=1) if key in known]
    return sum(work[max(shared, default=0) :])


def _rounds(directory: Path, run: PlannedRun) -> int:
    path = directory / run.folder / "rounds.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0
