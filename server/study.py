"""Runs a study: as many runs at once as there are cores, each process one run after the other."""

import multiprocessing
import os
import shutil
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from fed.config import Config
from fed.config.prefix import state_key, up_to_phase
from fed.data.opening import open_once
from fed.errors import RunError, UserError
from fed.interruption import ended_like_ctrl_c
from fed.report.words import counted, duration
from fed.results import is_finished
from fed.schedule import schedule
from fed.storage import write_text
from fed.study.cost import Sites, judging_seconds, phase_seconds, planned_sites, start_seconds
from fed.study.plan import PlannedRun
from server.placement import alone
from server.progress import LogProgress
from server.recorder import CHECKPOINTS
from server.simulation import simulate

STATES = "states"
"""Folder of a study that holds the phases its runs start from, each a run of its own."""
FAILED = "failed.txt"
"""File of a run that could not finish: why."""
POLL_S = 0.5
PRELOADED = [
    "server.simulation",
    "clients.app",
    "matplotlib.figure",
    "sklearn.cluster",
    "torch._dynamo",
]
"""Imported once for all runs; the last two take two seconds, and every run comes to need them."""


@dataclass(frozen=True)
class FailedRun:
    """A run that did not finish, and why."""

    run: PlannedRun
    reason: str


@dataclass(frozen=True)
class Job:
    """One run of a study, or phases that several of its runs start from.

    Attributes
    ----------
    config : Config
        With ``start``, if it goes on from the end of another job.
    folder : Path
    after : Path or None
        The folder of that other job.
    words : str
        What it is, for a person.
    run : PlannedRun or None
        None for phases.
    sites : sequence of Sites or None
        Where their cases have been counted.
    """

    config: Config
    folder: Path
    after: Path | None
    words: str
    run: PlannedRun | None = None
    sites: Sequence[Sites] | None = None

    @property
    def finished(self) -> bool:
        """Whether its results are there."""
        return is_finished(self.folder)

    @property
    def seconds(self) -> float:
        """How long it will take one core; see `fed.study.cost`."""
        sites = planned_sites(self.config) if self.sites is None else self.sites
        seconds = phase_seconds(self.config, sites)[self._phases_before :]
        seconds.append(start_seconds(self.config, sites))
        if self.run is not None:  # phases that others start from are not judged
            seconds.append(judging_seconds(self.config, sites))
        return sum(seconds)

    @property
    def _phases_before(self) -> int:
        if self.after is None:
            return 0
        return int(self.after.name.partition("-")[0].removeprefix("phase"))


def jobs_of(
    runs: Sequence[PlannedRun], directory: Path, sites: Sequence[Sites] | None = None
) -> list[Job]:
    """Return the jobs of a study, phases before the runs that start from them.

    Phases that two runs or more have in common are trained once, by a job of their own.
    """
    keys = {run.folder: _state_keys(run.config) for run in runs}
    shared = Counter(key for of_run in keys.values() for key in of_run)
    jobs: dict[Path, Job] = {}
    for run in runs:
        after: Path | None = None
        found = keys[run.folder]
        for phases, key in enumerate(found, start=1):
            further = found[phases] if phases < len(found) else None
            if shared[key] < 2 or (further is not None and shared[further] == shared[key]):
                continue
            folder = directory / STATES / f"phase{phases}-{key}"
            config = _starting(up_to_phase(run.config, phases), after)
            words = f"phase {phases} of {counted(shared[key], 'run')}, s{run.seed}"
            jobs.setdefault(folder, Job(config, folder, after, words, sites=sites))
            after = folder
        config = _starting(run.config, after)
        words = f"{run.method}, seed {run.seed}, {run.setting}"
        jobs[directory / run.folder] = Job(config, directory / run.folder, after, words, run, sites)
    return list(jobs.values())


def _state_keys(config: Config) -> list[str]:
    if config.privacy.epsilon is not None:  # the noise of a phase follows from the whole run
        return []
    shared = len(config.method.phases) - (
        config.evaluation.keep == "best"
    )  # it scores the last one
    return [state_key(config, phases) for phases in range(1, shared + 1)]


def _starting(config: Config, folder: Path | None) -> Config:
    return config.model_copy(update={"start": None if folder is None else str(folder)})


class _Worker:
    """A process that does one job after the other: it imports, warms up and reads once."""

    def __init__(self, context: ForkServerContext) -> None:
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def begin(self, job: Job) -> None:
        self.connection.send((job.config, job.folder))

    def ended(self) -> str:
        """Return how the job ended: why it failed, or nothing; call it once there is an answer."""
        try:
            reason: str = self.connection.recv()
        except (EOFError, OSError):
            self._process.join()
            return f"its process ended with code {self._process.exitcode}"
        return reason

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    def stop(self) -> None:
        """End the process, and whatever it is doing."""
        self._process.terminate()
        self._process.join()


@dataclass
class _Running:
    job: Job
    worker: _Worker
    task: TaskID
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
    sites : sequence of Sites, optional
        Those of its runs, to tell how long they will take; by default what their configurations say.
    """

    def __init__(
        self,
        runs: Sequence[PlannedRun],
        directory: Path,
        workers: int | None,
        console: Console,
        sites: Sequence[Sites] | None = None,
    ) -> None:
        self._workers = workers or len(os.sched_getaffinity(0))
        self._console = console
        self._runs = len(runs)
        jobs = jobs_of(runs, directory, sites)
        wanted = {job.folder for job in jobs if job.run is not None and not job.finished}
        for job in reversed(jobs):  # phases that a wanted job starts from
            if job.folder in wanted and job.after is not None:
                wanted.add(job.after)
        self._todo = [job for job in jobs if job.folder in wanted and not job.finished]
        self._failed: dict[Path, str] = {}
        self._failed_runs: list[FailedRun] = []
        self._slowdown = 1.0
        self._spent = self._foreseen = 0.0

    @property
    def expected_seconds(self) -> float:
        """How long what is left will take."""
        return self._slowdown * sum(job.seconds for job in self._todo) / self._workers

    def announce(self) -> None:
        """Say how many runs there are and how long they will take."""
        kept = self._runs - sum(job.run is not None for job in self._todo)
        self._console.print(
            f"{counted(self._runs, 'run')}, {kept} of them finished before; "
            f"{self._workers} at a time; expected to take {duration(self.expected_seconds)}"
        )

    def run(self) -> list[FailedRun]:
        """Run all that is left; return the runs that failed.

        Raises
        ------
        KeyboardInterrupt
            When interrupted; every run keeps the rounds it has completed.
        """
        context = _context()
        running: list[_Running] = []
        idle: list[_Worker] = []
        with self._progress() as progress:
            total = progress.add_task("runs", total=len(self._todo))
            try:
                while self._todo or running:
                    while len(running) < self._workers and (job := self._next()) is not None:
                        worker = idle.pop() if idle else _Worker(context)
                        running.append(self._start(worker, job, progress))
                    answered = wait([one.worker.connection for one in running], timeout=POLL_S)
                    for one in running:
                        progress.update(one.task, completed=_rounds(one.job.folder))
                    for one in [one for one in running if one.worker.connection in answered]:
                        running.remove(one)
                        progress.remove_task(one.task)
                        progress.advance(total)
                        self._ended(one, one.worker.ended())
                        if one.worker.alive:
                            idle.append(one.worker)
            finally:
                for worker in [*idle, *(one.worker for one in running)]:
                    worker.stop()
        return self._failed_runs

    def _progress(self) -> Progress:
        return Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=self._console,
            transient=True,
        )

    def _next(self) -> Job | None:
        """Return the first job whose start is there; one whose start has failed fails with it."""
        for job in list(self._todo):
            if job.after in self._failed:
                self._todo.remove(job)
                self._fail(job, f"the phases it starts from: {self._failed[job.after]}")
            elif job.after is None or is_finished(job.after):
                self._todo.remove(job)
                return job
        return None

    def _start(self, worker: _Worker, job: Job, bars: Progress) -> _Running:
        job.folder.mkdir(parents=True, exist_ok=True)
        (job.folder / FAILED).unlink(missing_ok=True)
        worker.begin(job)
        rounds = len(schedule(job.config))
        return _Running(job, worker, bars.add_task(f"  {job.words}", total=rounds))

    def _ended(self, one: _Running, reason: str) -> None:
        job, seconds = one.job, time.monotonic() - one.started
        if not reason:
            if job.run is not None:  # nobody goes on from it; a study of many would fill the disk
                shutil.rmtree(job.folder / CHECKPOINTS, ignore_errors=True)
            self._spent, self._foreseen = self._spent + seconds, self._foreseen + job.seconds
            self._slowdown = self._spent / self._foreseen
            left = f", about {duration(self.expected_seconds)} left" if self._todo else ""
            self._console.print(f"{job.words}: done in {duration(seconds)}{left}", markup=False)
            return
        self._fail(job, reason)

    def _fail(self, job: Job, reason: str) -> None:
        self._failed[job.folder] = reason
        if job.run is not None:
            self._failed_runs.append(FailedRun(job.run, reason))
        self._console.print(f"{job.words}: failed: {reason}", style="red", markup=False)


def _context() -> ForkServerContext:
    """Return what starts processes that have imported everything, from where we are ourselves."""
    root = str(Path(__file__).parents[1])
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([root, *filter(None, paths)]))
    os.environ["OMP_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def finished(directory: Path, run: PlannedRun) -> bool:
    """Return whether a run of a study has its results."""
    return is_finished(directory / run.folder)


def _work(study: Connection) -> None:
    """Be a process of the study: do the jobs it sends until it closes the connection."""
    _end_with_the_study()
    with ended_like_ctrl_c():
        try:
            while True:
                config, folder = study.recv()
                study.send(_done(config, folder))
        except EOFError:
            return
        except KeyboardInterrupt:
            sys.exit(130)


def _done(config: Config, folder: Path) -> str:
    """Do one job; return why it failed, or nothing. Everything it says goes to its log."""
    log = os.open(folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    config = alone(config)
    try:
        observers = [LogProgress(config.evaluation.headline)]
        simulate(config, open_once(config), folder, observers, one_of_many=True)
    except (UserError, RunError) as error:
        write_text(folder / FAILED, str(error))
        return str(error)
    return ""


def _end_with_the_study() -> None:
    """End this process when the study's own ends, however it does."""
    study = multiprocessing.parent_process()
    if study is None:
        return

    def watch() -> None:
        wait([study.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def _rounds(folder: Path) -> int:
    path = folder / "rounds.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0
