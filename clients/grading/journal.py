"""What is graded so far, so that an interrupted grading goes on where it was."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fed.errors import ConfigError

Rows = list[list[Any]]


class Journal:
    """A file of one line a part, the first of which says what is graded with what.

    Parameters
    ----------
    path : Path
    purpose : Mapping
        All that the rows depend on.

    Raises
    ------
    ConfigError
        If the file is of another grading.
    """

    def __init__(self, path: Path, purpose: Mapping[str, Any]) -> None:
        self._path = path
        self.rows: Rows = []
        self.unreadable: Rows = []
        self.parts = 0
        """How many parts are done."""
        first = json.dumps(dict(purpose), sort_keys=True) + "\n"
        lines = path.read_text(encoding="utf-8").splitlines(True) if path.exists() else []
        if lines and lines[0] != first:
            raise ConfigError(
                f"{path}: is what another grading has left, of other eyes, with another model or "
                "other options; go on with that one, or delete the file"
            )
        whole = [line for line in lines[1:] if line.endswith("\n")]
        for line in whole:
            part = json.loads(line)
            self._keep(part["rows"], part["unreadable"])
        path.write_text(first + "".join(whole), encoding="utf-8")

    def add(self, rows: Sequence[Sequence[Any]], unreadable: Sequence[Sequence[Any]]) -> None:
        """Write down a part, before this returns."""
        part = {"rows": [list(row) for row in rows], "unreadable": [list(u) for u in unreadable]}
        with self._path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(part) + "\n")
        self._keep(part["rows"], part["unreadable"])

    def close(self) -> None:
        """Delete the file: everything is where it belongs."""
        self._path.unlink()

    def _keep(self, rows: Rows, unreadable: Rows) -> None:
        self.rows += rows
        self.unreadable += unreadable
        self.parts += 1
