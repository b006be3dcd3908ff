"""Live progress of a run on the terminal."""

from logging import ERROR, INFO, getLogger
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fed.config import Config
from fed.config.schema import Evaluation
from fed.report.words import counted, metric_words
from fed.results import RoundRecord, Table
from fed.sites import SiteCard
from server.observers import Failure, Observer
from server.schedule import Round

log = getLogger(__name__)

GO_BACK = "to go back before it: stop the run, then --resume DIR --from-round N"


class LogProgress(Observer):
    """Keeps the course of a run in the log.

    Parameters
    ----------
    headline : str
        The metric of which it tells.
    """

    def __init__(self, headline: str = Evaluation().headline) -> None:
        self._headline = headline

    def failed(self, failure: Failure) -> None:
        """Keep a failure with its traceback; what the configuration foresees is no error."""
        level = ERROR if failure.outcome == "failed" else INFO
        log.log(level, "%s: %s", failure.site, failure.reason)

    def round_ended(self, record: RoundRecord) -> None:
        """Keep a round, and the held-out result where there is one."""
        log.info(
            "round %d (%s): %d sites, %.1f s",
            record.round,
            record.phase,
            len(record.participants),
            record.seconds,
        )
        for line in self._trouble(record):
            log.warning("round %d: %s", record.round, line)
        if record.held_out:
            log.info("round %d: %s", record.round, self._in_words(record.held_out))

    @staticmethod
    def _trouble(record: RoundRecord) -> list[str]:
        """Return what the round says of updates that were too long, and of where the model went."""
        shortened = [
            f"{b.site}: its update of {b.module} was too long and is multiplied by {b.factor:.3g}"
            for b in record.bounded
        ]
        return shortened + [f"ALARM: {words}" for words in record.alarms]

    def _in_words(self, table: Table) -> str:
        parts = []
        for condition, metrics in table.items():
            value = metrics[self._headline].value if self._headline in metrics else None
            parts.append(f"{condition} {'–' if value is None else format(value, '.3f')}")
        return f"held-out {metric_words(self._headline, 0).title}  " + "  ".join(parts)


class TerminalProgress(LogProgress):
    """Shows rounds, sites and time left; prints failures and evaluations as they come."""

    def __init__(self, console: Console, config: Config) -> None:
        super().__init__(config.evaluation.headline)
        self._console = console
        self._config = config
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._rounds = self._progress.add_task("rounds", total=None)
        self._sites = self._progress.add_task("sites", total=None)

    def __enter__(self) -> "TerminalProgress":
        """Start the display."""
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the display."""
        self._progress.stop()

    def started(self, cards: tuple[SiteCard, ...], rounds: tuple[Round, ...]) -> None:
        """Show how much there is to do."""
        training = sum(card.role == "train" for card in cards)
        cases = sum(card.total for card in cards if card.role == "train")
        self._console.print(
            f"{self._config.name}: {self._config.method.name} on "
            f"{counted(training, 'training site')} with {counted(cases, 'case')}, judged on "
            f"{counted(len(cards) - training, 'site')} that never "
            + ("trains" if len(cards) - training == 1 else "train")
        )
        self._progress.update(self._rounds, total=len(rounds))

    def round_begins(self, plan: Round, participants: int) -> None:
        """Count the sites of the round from zero."""
        phase = self._config.method.phases[plan.phase].name
        self._progress.update(self._rounds, completed=plan.number - 1, description=phase)
        self._progress.reset(self._sites, total=participants)

    def answered(self, site: str) -> None:
        """Count a site."""
        self._progress.advance(self._sites)

    def failed(self, failure: Failure) -> None:
        """Show a failure with its traceback at once, and keep it in the log."""
        super().failed(failure)
        style = "red" if failure.outcome == "failed" else "dim"
        self._console.print(f"{failure.site}: {failure.reason}", style=style, markup=False)

    def round_ended(self, record: RoundRecord) -> None:
        """Advance; print the held-out result where there is one."""
        super().round_ended(record)
        self._progress.update(self._rounds, completed=record.round)
        for line in self._trouble(record):
            self._console.print(f"round {record.round:3d}  {line}", style="red", markup=False)
        if record.alarms:
            self._console.print(f"round {record.round:3d}  {GO_BACK}", markup=False)
        if record.held_out:
            self._console.print(f"round {record.round:3d}  {self._in_words(record.held_out)}")
