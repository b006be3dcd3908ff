"""What the command line of a run does, once it is known what is asked for."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress as Bar

from clients.calibration import seconds_per_case
from fed.config import DEMO, Config, dump, load
from fed.confounds import confounds
from fed.data.cases import CaseSource
from fed.data.opening import open_source, prepare_images
from fed.data.origin import pseudo_sites
from fed.engines import check_gpu
from fed.errors import ConfigError, RunError
from fed.initial import initial_model
from fed.interruption import ended_like_ctrl_c
from fed.overview import federation_table
from fed.privacy import account_of
from fed.report import terminal_table
from fed.results import RESULTS, read_results
from fed.schedule import schedule
from fed.sites import SiteCard
from fed.storage import check_ours, locked, set_aside, write_text
from fed.study.cost import sites_of
from fed.study.plan import plan, quick
from fed.study.results import write_study
from fedrima.judging import judging
from fedrima.outcome import Run
from server.checkpoint import go_back
from server.estimate import estimate
from server.evaluation import check_metrics
from server.judgement import check_sets
from server.onboarding import check_archives
from server.progress import TerminalProgress
from server.recorder import CHECKPOINTS
from server.simulation import cards_of, simulate
from server.start import check_start
from server.study import StudyRunner, finished

RUN_FAILED, INTERRUPTED = 3, 130


@dataclass(frozen=True)
class Asked:
    """What a person asks for on the command line of a run.

    Attributes
    ----------
    configs : tuple of Path
        Merged left to right; none: the demo.
    settings : tuple of str
        ``KEY=VALUE``.
    out, resume : Path or None
        Folder of a new run, or of an interrupted one.
    seed : int or None
        What ``--seed`` says; it is among the settings, too.
    dry_run, coarse, prepare, quiet : bool
    from_round : int or None
        The round after which an interrupted run is to go on, if not the last.
    judged : Path or None
        Folder of a finished run, whose model is judged instead of training one.
    """

    configs: tuple[Path, ...] = ()
    settings: tuple[str, ...] = ()
    out: Path | None = None
    resume: Path | None = None
    seed: int | None = None
    dry_run: bool = False
    coarse: bool = False
    prepare: bool = False
    quiet: bool = False
    from_round: int | None = None
    judged: Path | None = None


def execute(asked: Asked) -> None:
    """Do what is asked: a run, a study, a dry run, or the preparation of images.

    Raises
    ------
    UserError
        If the configuration, the data or the command line is wrong.
    StoppedError
        If a run failed or was interrupted; it says how to go on.
    """
    with ended_like_ctrl_c():
        _execute(asked)


def _execute(asked: Asked) -> None:
    console = console_for(asked.quiet)
    directory = asked.resume or asked.out
    try:
        config = _configured(asked)
        if asked.from_round is not None:
            _go_back(asked, config)
        if asked.prepare:
            _prepare(config, console)
            return
        config = _coarse(config) if asked.coarse else config
        directory = directory or folder_of(config)
        if config.study is not None:
            if asked.seed is not None:
                raise ConfigError(
                    "--seed: a study runs the seeds in study.seeds; for one: "
                    f"--set study.seeds=[{asked.seed}]"
                )
            _study(config, directory, asked.dry_run, console)
        else:
            _one_run(config, directory, asked.resume is not None, asked.dry_run, console)
    except RunError as error:
        words = f"the run failed: {error}\nTo go on: python simulate.py --resume {directory}"
        raise StoppedError(words, RUN_FAILED) from None
    except KeyboardInterrupt:
        raise StoppedError(f"interrupted. {_how_to_go_on(directory)}", INTERRUPTED) from None


def run_once(
    source: str | Path | Mapping[str, Any] | Sequence[str | Path],
    overrides: Mapping[str, Any],
    out: Path | None,
    quiet: bool,
) -> Run:
    """Run one federation and return its outcome; see `fedrima.run`."""
    files = [source] if isinstance(source, str | Path) else source
    content = files if isinstance(files, Mapping) else [Path(file) for file in files]
    config = load(content, overrides)
    if config.study is not None:
        raise ConfigError("study: this describes many runs; use `fedrima run` on the command line")
    directory = out or folder_of(config)
    _train(config, _checked(config)[0], directory, False, console_for(quiet))
    return Run.load(directory)


class StoppedError(Exception):
    """A run that ended early, with words for a person and an exit code."""

    def __init__(self, words: str, code: int) -> None:
        super().__init__(words)
        self.code = code


def _configured(asked: Asked) -> Config:
    if asked.resume is not None:
        return _resumed(asked.resume, asked.configs, asked.settings)
    if asked.judged is not None:
        return judging(asked.judged, asked.configs, asked.settings)
    return load(asked.configs or [DEMO], asked.settings)


def _go_back(asked: Asked, config: Config) -> None:
    """Forget what an interrupted or finished run has done after a round."""
    if asked.resume is None or config.study is not None:
        raise ConfigError("--from-round: goes with --resume and the folder of one run")
    with locked(asked.resume):
        go_back(asked.resume / CHECKPOINTS, asked.from_round or 0, config)
        (asked.resume / RESULTS).unlink(missing_ok=True)


def _one_run(
    config: Config, directory: Path, resumed: bool, dry_run: bool, console: Console
) -> None:
    source, cards = _checked(config)
    if dry_run:
        _show(config, source, cards, console_for())
        return
    report = _train(config, source, directory, resumed, console)
    console_for().print(terminal_table(read_results(directory)))
    console_for().print(f"report: {report}", soft_wrap=True)


def _checked(config: Config) -> tuple[CaseSource, list[SiteCard]]:
    """Open the data of a configuration; whatever it does not bear out is refused here."""
    source = open_source(config)
    cards = cards_of(source, config)
    check_archives(config, cards)
    check_sets(config, cards)
    check_metrics(config)
    check_start(config)
    if config.engine.name == "inline" or config.engine.address is None:  # else it lies elsewhere
        check_gpu(config.engine.name, config.engine.gpus_per_worker)
    return source, cards


def _train(
    config: Config, source: CaseSource, directory: Path, resumed: bool, console: Console
) -> Path:
    """Run a federation whose data has been checked; return the path of its report."""
    if config.judge is None:
        initial_model(config)  # a bad file of weights is refused before anything is written
    if not resumed:
        _make_room(directory, console)
    with TerminalProgress(console, config) as progress:
        measured = None if config.clock is None else seconds_per_case(config, source)
        return simulate(config, source, directory, [progress], measured)


def folder_of(config: Config) -> Path:
    """Return the folder that a run, a judging or a study has where none is given."""
    if config.judge is not None:
        return Path("runs") / f"{Path(config.judge.run).resolve().name}-at-{config.name}"
    if config.study is not None:
        return Path("runs") / config.name
    return Path("runs") / f"{config.name}-{config.method.name}-s{config.seed}"


def _coarse(config: Config) -> Config:
    if config.study is None:
        raise ConfigError("--quick is for studies; the configuration has no `study`")
    return quick(config)


def _prepare(config: Config, console: Console) -> None:
    """Decode and store what the folder of prepared images lacks."""
    workers = config.engine.workers or os.cpu_count() or 1
    with Bar(console=console) as bar:
        task = bar.add_task("preparing images", total=None)
        decoded = prepare_images(
            config, workers, lambda done, total: bar.update(task, completed=done, total=total)
        )
    console.print(f"{config.data.prepared}: complete; {decoded} images were decoded now")


def _study(config: Config, directory: Path, dry_run: bool, console: Console) -> None:
    """Run a study, or what is left of it, and write its tables and its page.

    Raises
    ------
    RunError
        If runs failed; the others are done and reported.
    """
    runs = plan(config)
    source = open_source(runs[0].config)
    cards = cards_of(source, runs[0].config)
    sites = sites_of(cards) if config.data.real else None  # phantoms are as many as each run says
    runner = StudyRunner(runs, directory, config.engine.workers, console, sites)
    runner.announce()
    if dry_run:
        _show(runs[0].config, source, cards, console_for())
        return
    check_ours(directory)
    with locked(directory):
        write_text(directory / "config.yaml", dump(config))
        failed = runner.run()
    done = [run for run in runs if finished(directory, run)]
    if done:
        report = write_study(config, done, directory, {f.run.folder: f.reason for f in failed})
        console_for().print(f"report: {report}", soft_wrap=True)
    if failed:
        raise RunError(f"{len(failed)} of {len(runs)} runs, the first: {failed[0].reason}")


def _resumed(directory: Path, configs: Sequence[Path], settings: Sequence[str]) -> Config:
    if configs:
        raise ConfigError("--resume takes its configuration from the folder; give no CONFIG")
    if any(not setting.startswith("engine.") for setting in settings):
        raise ConfigError("--resume keeps the run as it was; only engine.* can be set")
    if not (directory / "config.yaml").exists():
        raise ConfigError(f"--resume {directory}: holds no config.yaml, so no run to go on with")
    return load([directory / "config.yaml"], settings)


def _show(config: Config, source: CaseSource, cards: list[SiteCard], console: Console) -> None:
    console.print(federation_table(cards, config.task.classes))
    if config.judge is None:
        _tell_messages(config, cards, console)
    for account in source.accounts:
        console.print(f"data: {account.words}")
    for words in source.warnings:
        console.print(f"warning: {words}")
    origin = pseudo_sites(config)
    if origin is not None:
        console.print(f"note: {origin}")
    for words in confounds(cards, config.seed).warnings:
        console.print(f"confound: {words}")


def _tell_messages(config: Config, cards: list[SiteCard], console: Console) -> None:
    """Say what the rounds take."""
    rounds = schedule(config)
    lengths = [sum(r.phase == p for r in rounds) for p in range(len(config.method.phases))]
    for phase in estimate(config, cards, initial_model(config), lengths):
        console.print(
            f"phase {phase.phase}: {phase.rounds} rounds of {phase.messages} messages, about "
            f"{phase.down_bytes / 1e6:.1f} MB down and {phase.up_bytes / 1e6:.1f} MB up a round"
        )
    _tell_memory(config, cards, console)
    _tell_privacy(config, cards, console)


def _tell_memory(config: Config, cards: list[SiteCard], console: Console) -> None:
    """Say what a reduction that holds all updates of a round takes at the server."""
    if config.method.reduce.streams or config.method.keeps_own_models:
        return
    training = sum(card.role == "train" for card in cards)
    size = sum(value.nbytes for value in initial_model(config).values())
    console.print(
        f"memory: the reduction holds all updates of a round, up to {training * size / 1e6:,.1f} MB "
        f"at the server ({training} sites)"
    )


def _tell_privacy(config: Config, cards: list[SiteCard], console: Console) -> None:
    """Say how much noise the budget of privacy takes."""
    found = [account_of(config, card) for card in cards if card.role == "train"]
    noise = [account.multiplier for account in found if account is not None]
    if noise:
        privacy = config.privacy
        console.print(
            f"privacy: epsilon {privacy.epsilon:g} at delta {privacy.delta:g} a patient; noise of "
            f"{min(noise):.2f} to {max(noise):.2f} times what one patient can move"
        )


def _make_room(directory: Path, console: Console) -> None:
    """Move an earlier run aside: nothing is overwritten."""
    aside = set_aside(directory)
    if aside is not None:
        console.print(f"an earlier run was moved to {aside}")


def console_for(quiet: bool = False) -> Console:
    """Return a console; one that is no terminal has no width, and tables need some."""
    return Console(quiet=quiet, width=None if sys.stdout.isatty() else 120)


def _how_to_go_on(directory: Path | None) -> str:
    if directory is None:
        return "What was prepared is kept; the same command goes on from there"
    return f"To go on: python simulate.py --resume {directory}"
