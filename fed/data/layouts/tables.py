"""Tables with named columns: CSV files of any dialect, and Excel sheets."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fed.data.images import reading
from fed.data.limits import regular
from fed.errors import DataError, nearest

LONGEST_CELL = 131_072
"""Characters; a longer cell is more likely a quote that nobody closed."""

UNKNOWN = frozenset({"", "na", "n/a", "nan", "<na>", "null", "nat", "#n/a"})
"""How programs write that a value is not known, in lower case."""


def known(cell: str) -> str:
    """Return a cell, or nothing where it says in words that its value is not known."""
    return "" if cell.strip().lower() in UNKNOWN else cell.strip()


def cell(cells: Mapping[str, str], name: str) -> str:
    """Return a cell of a column that may be absent, or be written in other case."""
    return next((cell for column, cell in cells.items() if column.casefold() == name), "")


def table(path: Path, needed: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line number and cells of each row of a table that is not blank.

    Parameters
    ----------
    path : Path
        A ``.csv`` file, with commas, semicolons or tabs; or an ``.xlsx`` file, whose first sheet
        is read.
    needed : sequence of str
        Columns that must be there, once. One that is written in other case goes by this name.

    Raises
    ------
    DataError
        Naming the file, the line and what is wrong with it.
    """
    regular(path)
    rows = _sheet(path) if path.suffix.lower() == ".xlsx" else _lines(path)
    _, first = next(rows, (0, []))
    header = _header(path, first, needed)
    for line, cells in rows:
        if any(cells[len(header) :]):
            raise DataError(
                f"{path}, line {line}: {len(cells)} cells, more than the header's {len(header)}"
            )
        if any(cells):
            padded = [*cells, *[""] * (len(header) - len(cells))]
            yield line, dict(zip(header, padded, strict=False))


def sheet(path: Path) -> Iterator[list[Any]]:
    """Yield the rows of the first sheet of an Excel file, blank ones too.

    Raises
    ------
    DataError
        If the file cannot be read.
    """
    import openpyxl  # slow to import, and only some collections need it

    with reading(path), path.open("rb") as file:
        book = openpyxl.load_workbook(file, data_only=True)
        yield from [list(row) for row in book.worksheets[0].iter_rows(values_only=True)]


def _header(path: Path, cells: Sequence[str], needed: Sequence[str]) -> list[str]:
    """Return the names of the columns, those that are needed as they are asked for."""
    header = list(cells)
    while header and not header[-1]:
        header.pop()
    folded = [name.casefold() for name in header]
    for name in needed:
        matches = [i for i, found in enumerate(header) if found == name]
        matches = matches or [i for i, found in enumerate(folded) if found == name.casefold()]
        if len(matches) > 1:
            raise DataError(f"{path}: two columns are named {name!r}")
        if not matches:
            raise DataError(f"{path}: no column {name!r}{nearest(name, header, 'The columns are')}")
        header[matches[0]] = name
    return header


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a CSV file, each with the number of its first line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: the table cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: not a UTF-8 text file; a CSV file is expected") from None
    if not text.strip():
        raise DataError(f"{path}: the table is empty")
    first, _, _ = text.partition("\n")
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True
    )
    line = 1
    try:
        for cells in reader:
            yield line, [cell.strip() for cell in cells]
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}, line {line}: {_words(str(error))}") from None


def _words(error: str) -> str:
    """Say what the csv module means."""
    if "field larger than" in error:
        return f"a cell of more than {LONGEST_CELL:,} characters; is a quote not closed?"
    if "unexpected end" in error:
        return "a quote is opened and not closed, which makes all that follows one cell"
    if "expected after" in error:
        return "text follows a closing quote; is the quote before it not closed?"
    return f"not valid CSV ({error})"


def _sheet(path: Path) -> Iterator[tuple[int, list[str]]]:
    for line, row in enumerate(sheet(path), 1):
        yield line, ["" if cell is None else _text(cell) for cell in row]


def _text(cell: object) -> str:
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()
