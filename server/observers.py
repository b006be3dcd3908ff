"""Those who follow a run: the progress on the terminal, and trackers of experiments."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from fed.results import Results, RoundRecord
    from fed.sites import SiteCard
    from server.schedule import Round


Outcome = Literal["answered", "unavailable", "absent", "dropped", "late", "failed"]
"""What became of a site in a round. `unavailable`, `dropped` and `late` come of its `resources`,
`absent` is a site that is not connected, and `failed` anything that went wrong."""


LONGEST_LINE = 250
"""Letters of a reason where one line tells it."""


@dataclass(frozen=True)
class Failure:
    """A site that did not contribute, and why; a traceback follows the first line."""

    site: str
    reason: str
    outcome: Outcome = "failed"

    @property
    def headline(self) -> str:
        """The reason's first line, cut where it is long."""
        line = self.reason.strip().splitlines()[0] if self.reason.strip() else "unknown"
        return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}..."

    def record(self) -> dict[str, str]:
        """Return the failure as ``rounds.jsonl`` and ``results.json`` keep it."""
        return {"site": self.site, "reason": self.headline, "outcome": self.outcome}


class Observer:
    """Told what happens in a run; every method may be left as it is."""

    def started(self, cards: "tuple[SiteCard, ...]", rounds: "tuple[Round, ...]") -> None:
        """Note that all sites have answered who they are."""

    def round_begins(self, plan: "Round", participants: int) -> None:
        """Note that a round is about to be sent."""

    def answered(self, site: str) -> None:
        """Note that a site's answer has arrived and been used."""

    def failed(self, failure: Failure) -> None:
        """Note that a site did not contribute."""

    def round_ended(self, record: "RoundRecord") -> None:
        """Note that a round is complete; `record` is its line of ``rounds.jsonl``."""

    def ended(self, results: "Results | None") -> None:
        """Note that the run is over, with what came of it; None: it stopped before its end."""
