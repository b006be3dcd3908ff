"""A table of the rounds, for spreadsheets and data frames."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fed.config import Config
from fed.results import Results
from fed.storage import write_text
from server.observers import Observer
from server.trackers._base import Following, Tracker


@dataclass(frozen=True)
class Csv(Tracker):
    """A row a round, a column a number, in one file of the run's folder.

    Attributes
    ----------
    file : str
        Its name.
    """

    file: str = "rounds.csv"

    def follow(self, directory: Path, config: Config) -> Observer:
        """Return the observer that writes the table."""
        return _Table(directory / self.file)


class _Table(Following):
    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: dict[int, dict[str, str]] = {}
        if path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                self._rows = {int(row["round"]): row for row in csv.DictReader(file)}

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        # A run that goes on after a break does its last rounds again; columns come and go by phase.
        kept = {number: row for number, row in self._rows.items() if number < step}
        self._rows = kept | {step: {"round": str(step)} | {k: repr(v) for k, v in numbers.items()}}
        columns = dict.fromkeys(name for row in self._rows.values() for name in row)
        text = io.StringIO()
        table = csv.DictWriter(text, list(columns), restval="", lineterminator="\n")
        table.writeheader()
        table.writerows(self._rows.values())
        write_text(self._path, text.getvalue())

    def ended(self, results: Results | None) -> None:
        """Leave the end to ``results.json``: the table is of rounds."""
