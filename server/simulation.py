"""One federation simulated on this machine, from its configuration to its report."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fed.config import Config
from fed.config.clock import SecondsPerCase
from fed.data.cases import CaseSource
from fed.data.opening import pictures
from fed.engines import EngineSettings, Node, server_context, start_grid
from fed.errors import RunError, UserError
from fed.report import write_report
from fed.report.samples import samples_of
from fed.sites import SiteCard
from fed.storage import locked
from server.app import make_app
from server.observers import Observer
from server.placement import placed
from server.trackers import follow

log = logging.getLogger("fedrima")

CHECKPOINT_SPACING_S = 30.0
"""Of a run that is one of many."""


def cards_of(source: CaseSource, config: Config) -> list[SiteCard]:
    """Return the cards of all sites, as the sites will send them."""
    return [source.open(site.name).card(len(config.task.classes)) for site in source.sites]


def simulate(
    config: Config,
    source: CaseSource,
    directory: Path,
    observers: Sequence[Observer],
    seconds_per_case: SecondsPerCase | None = None,
    one_of_many: bool = False,
) -> Path:
    """Run a federation on the engine of the configuration; an interrupted one goes on.

    Parameters
    ----------
    directory : Path
        The folder of the run; created if absent.
    seconds_per_case : SecondsPerCase, optional
        What the virtual clock counts with where the configuration does not say.
    one_of_many : bool
        Whether only its scores are wanted: then it has no report, and checkpoints some seconds
        apart. Both would take longer than a short run does.

    Returns
    -------
    Path
        The report, or the folder where there is none.

    Raises
    ------
    UserError, RunError
        Whatever ends the run; all of it, tracebacks included, is in ``log.txt``.
    """
    with locked(directory):
        return _simulate(config, source, directory, observers, seconds_per_case, one_of_many)


def _simulate(
    config: Config,
    source: CaseSource,
    directory: Path,
    observers: Sequence[Observer],
    seconds_per_case: SecondsPerCase | None,
    one_of_many: bool,
) -> Path:
    cards = cards_of(source, config)
    config = placed(config, cards)
    engine = config.engine
    assert engine.name != "auto"
    settings = EngineSettings(engine.name, engine.workers, engine.gpus_per_worker, engine.address)
    nodes = [Node(card.name, float(card.total)) for card in cards]
    run_config: dict[str, Any] = {"federation": config, "out": str(directory)}
    with _logging(directory / "log.txt"):
        for words in (*(account.words for account in source.accounts), *source.warnings):
            log.info("data: %s", words)
        try:
            trackers = follow(config.trackers, directory, config)
            with start_grid(settings, nodes, run_config) as grid:
                context = server_context(run_config)
                spacing_s = CHECKPOINT_SPACING_S if one_of_many else 0.0
                app = make_app([*observers, *trackers], seconds_per_case, source, spacing_s)
                app(grid, context)
            if one_of_many or not config.evaluation.conditions:  # nobody has judged it
                return directory
            return write_report(directory, samples_of(pictures(source, config), config))
        except (UserError, RunError, KeyboardInterrupt):
            log.exception("stopped")
            raise
        except Exception as error:
            log.exception("failed")
            where = directory / "log.txt"
            raise RunError(f"{type(error).__name__}: {error} (see {where})") from error


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
