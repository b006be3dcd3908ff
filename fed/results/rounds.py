"""``rounds.jsonl``: a line a round, written as it ends."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from fed.results.record import Record, parsed, text_of
from fed.results.scores import Table
from fed.storage import write_text

FILE = "rounds.jsonl"


class SiteRound(Record):
    """What a training site did in a round: virtual seconds by kind, and those it really took."""

    outcome: str
    down_bytes: int = 0
    up_bytes: int = 0
    receiving: float = 0.0
    computing: float = 0.0
    sending: float = 0.0
    measured: float = 0.0


class RoundFailure(Record):
    """A site that did not answer in the round it is told of."""

    site: str
    reason: str
    outcome: str = "failed"


class BoundedUpdate(Record):
    """A site's update of a module that was too long: what it was multiplied by."""

    site: str
    module: str
    factor: float


class RoundRecord(Record):
    """A line of ``rounds.jsonl``; scores are None in a round that was not scored.

    Attributes
    ----------
    bounded : tuple of BoundedUpdate
        Every update that was shortened.
    movement : Mapping
        By module, the length of the way that its weights went (`server.alarm`).
    alarms : tuple of str
        Modules that went much further than in the rounds before, in words.
    """

    round: int
    phase: str
    lr: float
    participants: tuple[str, ...]
    failures: tuple[RoundFailure, ...] = ()
    losses: dict[str, dict[str, float]]
    reductions: Mapping[str, Mapping[str, float]] = {}
    bounded: tuple[BoundedUpdate, ...] = ()
    movement: Mapping[str, float] = {}
    alarms: tuple[str, ...] = ()
    down_bytes: int
    up_bytes: int
    sites: Mapping[str, SiteRound] = {}
    seconds: float
    virtual_seconds: float | None = None
    held_out: Table | None = None
    validation: Table | None = None

    def line(self) -> str:
        """Return the line that records the round, its end included."""
        return json.dumps(self.content(), allow_nan=False) + "\n"


def read_rounds(folder: Path) -> tuple[RoundRecord, ...]:
    """Read ``rounds.jsonl`` of a run; none where it has not begun.

    A last line that was cut short, by a run that was killed, belongs to no completed round.

    Raises
    ------
    DataError
        If a line before the last cannot be read.
    """
    path = folder / FILE
    lines = text_of(path).splitlines(keepends=True) if path.exists() else []
    if lines and not lines[-1].endswith("\n"):
        lines.pop()
    return tuple(parsed(RoundRecord, line, path) for line in lines if line.strip())


def write_rounds(folder: Path, rounds: Sequence[RoundRecord]) -> None:
    """Write ``rounds.jsonl`` anew, whole or not at all."""
    write_text(folder / FILE, "".join(each.line() for each in rounds))


def add_round(folder: Path, record: RoundRecord) -> None:
    """Add a line to ``rounds.jsonl``, written out before this returns."""
    with (folder / FILE).open("a", encoding="utf-8") as lines:
        lines.write(record.line())
