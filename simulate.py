"""Run a federation on this machine or a Ray cluster: `python simulate.py [CONFIG ...]`."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress as Bar

from clients.calibration import pace
from fed.config import Config, dump, load
from fed.confounds import confounds
from fed.data.opening import open_source, prepare_images
from fed.data.origin import pseudo_sites
from fed.engines import check_gpu
from fed.errors import ConfigError, RunError, UserError
from fed.initial import initial_model
from fed.overview import federation_table
from fed.report import terminal_table
from fed.results import read_results
from fed.sites import SiteCard
from fed.storage import set_aside, write_text
from fed.study.plan import plan, quick
from fed.study.results import write_study
from server.estimate import estimate
from server.evaluation import check_metrics
from server.onboarding import check_archives
from server.progress import TerminalProgress
from server.schedule import schedule
from server.simulation import cards_of, simulate
from server.start import check_start
from server.study import StudyRunner, finished

DEMO = Path(__file__).parent / "configs" / "demo.yaml"
CONFIG_WRONG, RUN_FAILED, INTERRUPTED = 2, 3, 130

command = typer.Typer(add_completion=False, rich_markup_mode=None)


@command.command()
def main(
    configs: Annotated[
        list[Path] | None, typer.Argument(metavar="[CONFIG ...]", help="Merged left to right.")
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override one key.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run.")] = None,
    seed: Annotated[int | None, typer.Option(help="Short for --set seed=N.")] = None,
    engine: Annotated[str | None, typer.Option(help="inline or ray.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Folder of an interrupted run.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the federation only.")] = False,
    coarse: Annotated[
        bool, typer.Option("--quick", help="Coarse version of a study, in about 3 minutes.")
    ] = False,
    prepare: Annotated[
        bool, typer.Option("--prepare", help="Fill the folder data.prepared, and stop.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the result only.")] = False,
) -> None:
    """Simulate a federation of eye clinics: train, judge on unseen sites, write a report."""
    settings = list(overrides or [])
    settings += [f"seed={seed}"] if seed is not None else []
    settings += [f"engine.name={engine}"] if engine is not None else []
    console = _console(quiet)
    directory = resume or out
    try:
        config = (
            _resumed(resume, configs, settings) if resume else load(configs or [DEMO], settings)
        )
        if prepare:
            _prepare(config, console)
            return
        config = _coarse(config) if coarse else config
        directory = directory or _folder(config)
        if config.study is not None:
            if seed is not None:
                raise ConfigError(
                    f"--seed: a study runs the seeds in study.seeds; for one: --set study.seeds=[{seed}]"
                )
            _study(config, directory, dry_run, console)
        else:
            _one_run(config, directory, resume is not None, dry_run, console)
    except UserError as error:
        _stop(f"error: {error}", CONFIG_WRONG)
    except RunError as error:
        _stop(
            f"the run failed: {error}\nTo go on: python simulate.py --resume {directory}",
            RUN_FAILED,
        )
    except KeyboardInterrupt:
        _stop(f"interrupted. {_how_to_go_on(directory)}", INTERRUPTED)


def _one_run(
    config: Config, directory: Path, resumed: bool, dry_run: bool, console: Console
) -> None:
    source = open_source(config)
    cards = cards_of(source, config)
    check_archives(config, cards)
    check_metrics(config)
    check_gpu(config.engine.name, config.engine.gpus_per_worker)
    if dry_run:
        _show(config, cards, _console())
        return
    initial_model(config)  # a bad file of weights is refused before anything is written
    check_start(config)
    if not resumed:
        _make_room(directory, console)
    with TerminalProgress(console, config) as progress:
        measured = None if config.clock is None else pace(config, source)
        report = simulate(config, source, directory, [progress], measured)
    _console().print(terminal_table(read_results(directory)))
    _console().print(f"report: {report}", soft_wrap=True)


def _folder(config: Config) -> Path:
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
    runner = StudyRunner(runs, directory, config.engine.workers, console)
    runner.announce()
    if dry_run:
        _show(runs[0].config, cards_of(source, runs[0].config), _console())
        return
    directory.mkdir(parents=True, exist_ok=True)
    write_text(directory / "config.yaml", dump(config))
    failed = runner.run()
    done = [run for run in runs if finished(directory, run)]
    if done:
        report = write_study(config, done, directory, {f.run.folder: f.reason for f in failed})
        _console().print(f"report: {report}", soft_wrap=True)
    if failed:
        raise RunError(f"{len(failed)} of {len(runs)} runs, the first: {failed[0].reason}")


def _resumed(directory: Path, configs: list[Path] | None, settings: list[str]) -> Config:
    if configs:
        raise ConfigError("--resume takes its configuration from the folder; give no CONFIG")
    if any(not setting.startswith("engine.") for setting in settings):
        raise ConfigError("--resume keeps the run as it was; only engine.* can be set")
    if not (directory / "config.yaml").exists():
        raise ConfigError(f"--resume {directory}: holds no config.yaml, so no run to go on with")
    return load([directory / "config.yaml"], settings)


def _show(config: Config, cards: list[SiteCard], console: Console) -> None:
    console.print(federation_table(cards, config.task.classes))
    rounds = schedule(config)
    lengths = [sum(r.phase == p for r in rounds) for p in range(len(config.method.phases))]
    for phase in estimate(config, cards, initial_model(config), lengths):
        console.print(
            f"phase {phase.phase}: {phase.rounds} rounds of {phase.messages} messages, about "
            f"{phase.down_bytes / 1e6:.1f} MB down and {phase.up_bytes / 1e6:.1f} MB up a round"
        )
    origin = pseudo_sites(config)
    if origin is not None:
        console.print(f"note: {origin}")
    for words in confounds(cards, config.seed).warnings:
        console.print(f"confound: {words}")


def _make_room(directory: Path, console: Console) -> None:
    """Move an earlier run aside: nothing is overwritten."""
    aside = set_aside(directory)
    if aside is not None:
        console.print(f"an earlier run was moved to {aside}")


def _console(quiet: bool = False) -> Console:
    """Return a console; one that is no terminal has no width, and tables need some."""
    return Console(quiet=quiet, width=None if sys.stdout.isatty() else 120)


def _how_to_go_on(directory: Path | None) -> str:
    if directory is None:
        return "What was prepared is kept; the same command goes on from there"
    return f"To go on: python simulate.py --resume {directory}"


def _stop(message: str, code: int) -> None:
    print(message, file=sys.stderr)
    raise typer.Exit(code)


if __name__ == "__main__":
    command()
