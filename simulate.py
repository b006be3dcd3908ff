"""Run a federation on this machine or a Ray cluster: `python simulate.py [CONFIG ...]`."""

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from flwr.app import Context, RecordDict
from rich.console import Console
from rich.progress import Progress as Bar

from fed.config import Config, load
from fed.confounds import confounds
from fed.data.cases import CaseSource
from fed.data.opening import open_source, prepare_images
from fed.data.origin import pseudo_sites
from fed.engines import EngineSettings, Node, start_grid
from fed.errors import ConfigError, RunError, UserError
from fed.gallery import gallery
from fed.overview import federation_table
from fed.report import terminal_table, write_report
from fed.sites import SiteCard
from fed.storage import set_aside
from server.app import make_app
from server.estimate import estimate
from server.initial import initial_model
from server.progress import TerminalProgress
from server.schedule import schedule

DEMO = Path(__file__).parent / "configs" / "demo.yaml"
CONFIG_WRONG, RUN_FAILED, INTERRUPTED = 2, 3, 130

command = typer.Typer(add_completion=False, rich_markup_mode=None)
log = logging.getLogger("fedrima")


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
    directory = None
    try:
        config = (
            _resumed(resume, configs, settings) if resume else load(configs or [DEMO], settings)
        )
        if prepare:
            _prepare(config, console)
            return
        name = f"{config.name}-{config.method.name}-s{config.seed}"
        directory = resume or out or Path("runs") / name
        source = open_source(config)
        cards = _cards(source, config)
        if dry_run:
            _show(config, cards, _console())
            return
        initial_model(config)  # a bad file of weights is refused before anything is written
        if resume is None:
            _make_room(directory, console)
        _simulate(config, source, cards, directory, console)
    except UserError as error:
        _stop(f"error: {error}", CONFIG_WRONG)
    except RunError as error:
        _stop(
            f"the run failed: {error}\nTo go on: python simulate.py --resume {directory}",
            RUN_FAILED,
        )
    except KeyboardInterrupt:
        _stop(f"interrupted. {_how_to_go_on(directory)}", INTERRUPTED)


def _simulate(
    config: Config, source: CaseSource, cards: list[SiteCard], directory: Path, console: Console
) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    engine = config.engine
    settings = EngineSettings(engine.name, engine.workers, engine.gpus_per_worker, engine.address)
    nodes = [Node(card.name, float(card.total)) for card in cards]
    run_config: dict[str, bool | float | int | str] = {
        "federation": config.model_dump_json(),
        "out": str(directory),
    }
    with _logging(directory / "log.txt"):
        try:
            with (
                TerminalProgress(console, config) as progress,
                start_grid(settings, nodes, run_config) as grid,
            ):
                context = Context(
                    run_id=0, node_id=0, node_config={}, state=RecordDict(), run_config=run_config
                )
                make_app([progress])(grid, context)
            report = write_report(directory, gallery(source, config))
        except (UserError, RunError, KeyboardInterrupt):
            log.exception("stopped")
            raise
        except Exception as error:
            log.exception("failed")
            where = directory / "log.txt"
            raise RunError(f"{type(error).__name__}: {error} (see {where})") from error
    results = json.loads((directory / "results.json").read_text())
    _console().print(terminal_table(results))
    _console().print(f"report: {report}", soft_wrap=True)


def _prepare(config: Config, console: Console) -> None:
    """Decode and store what the folder of prepared images lacks."""
    workers = config.engine.workers or os.cpu_count() or 1
    with Bar(console=console) as bar:
        task = bar.add_task("preparing images", total=None)
        decoded = prepare_images(
            config, workers, lambda done, total: bar.update(task, completed=done, total=total)
        )
    console.print(f"{config.data.prepared}: complete; {decoded} images were decoded now")


def _resumed(directory: Path, configs: list[Path] | None, settings: list[str]) -> Config:
    if configs:
        raise ConfigError("--resume takes its configuration from the folder; give no CONFIG")
    if any(not setting.startswith("engine.") for setting in settings):
        raise ConfigError("--resume keeps the run as it was; only engine.* can be set")
    if not (directory / "config.yaml").exists():
        raise ConfigError(f"--resume {directory}: holds no config.yaml, so no run to go on with")
    return load([directory / "config.yaml"], settings)


def _cards(source: CaseSource, config: Config) -> list[SiteCard]:
    return [source.open(site.name).card(len(config.task.classes)) for site in source.sites]


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


@contextmanager
def _logging(path: Path) -> Iterator[None]:
    """Send every log record, tracebacks included, to the run's log file."""
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root, flower = logging.getLogger(), logging.getLogger("flwr")
    flower.handlers.clear()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()


def _how_to_go_on(directory: Path | None) -> str:
    if directory is None:
        return "What was prepared is kept; the same command goes on from there"
    return f"To go on: python simulate.py --resume {directory}"


def _stop(message: str, code: int) -> None:
    print(message, file=sys.stderr)
    raise typer.Exit(code)


if __name__ == "__main__":
    command()
