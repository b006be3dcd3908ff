"""What `fedrima compare` does: a table in the terminal, a page and a table in a folder."""

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from fed.errors import ConfigError
from fed.results import Run
from fed.study.compare import compare
from fed.study.compare_page import comparison_table, write_comparison


def compare_runs(folders: Sequence[Path], out: Path) -> None:
    """Compare the runs in folders with the first; print the differences, write page and table.

    Raises
    ------
    UserError
        If there are fewer than two runs, a folder holds none, they grade different classes, or the
        page cannot be written.
    """
    found = compare([Run.load(folder) for folder in folders])
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(comparison_table(found))
    try:
        page = write_comparison(found, out)
    except OSError as error:
        raise ConfigError(f"--out {out}: cannot be written: {error.strerror}") from None
    console.print(f"page: {page}", soft_wrap=True)
