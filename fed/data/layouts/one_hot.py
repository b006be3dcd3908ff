"""Label sheets: Excel files with a column ``data`` of case numbers and one-hot classes."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fed.data.layouts.tables import sheet
from fed.errors import DataError, first_ten

CASE = "data"


def read_one_hot(path: Path, names: Sequence[tuple[str, ...]]) -> dict[int, int]:
    """Return the class of each case of a label sheet, by case number.

    Columns are known by their names, never by their order.

    Parameters
    ----------
    path : Path
        An ``.xlsx`` file; its first sheet is read.
    names : sequence of tuple of str
        The sets of class columns that the sheet may have, each from class 0 upwards.

    Raises
    ------
    DataError
        If the file cannot be read, has other columns, or has rows that are not one-hot or are
        there twice: the first ten, and a count.
    """
    header, *rows = _cells(path)
    columns = next((set_ for set_ in names if sorted((CASE, *set_)) == sorted(header)), None)
    if columns is None:
        allowed = " or ".join(", ".join((CASE, *set_)) for set_ in names)
        raise DataError(f"{path}: columns are {', '.join(header) or 'missing'}; allowed: {allowed}")
    classes: dict[int, int] = {}
    troubles = []
    for line, row in enumerate(rows, 2):
        cells = dict(zip(header, row, strict=False))
        number, label = _number(cells[CASE]), _one_hot([cells[name] for name in columns])
        if number is None:
            troubles.append(f"line {line}: {cells[CASE]!r} is no case number")
        elif label is None:
            troubles.append(f"line {line}: case {number} is not of exactly one class")
        elif number in classes:
            troubles.append(f"line {line}: case {number} is there already")
        else:
            classes[number] = label
    if troubles:
        raise DataError(f"{path}: {len(troubles)} bad rows: {first_ten(troubles)}")
    return classes


def _cells(path: Path) -> list[list[Any]]:
    """Return the header, as text, and the rows that are not blank."""
    rows = list(sheet(path))
    header = [str(cell).strip() if cell is not None else "" for cell in rows[0]] if rows else []
    while header and not header[-1]:
        header.pop()
    return [header, *_filled(rows[1:])]


def _filled(rows: Sequence[list[Any]]) -> Iterator[list[Any]]:
    return (row for row in rows if any(cell is not None for cell in row))


def _number(cell: object) -> int | None:
    """Return a case number, whether the sheet holds it as a number or as text (``0001``)."""
    text = str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()
    return int(text) if text.isdecimal() else None


def _one_hot(cells: Sequence[object]) -> int | None:
    texts = [str(cell).strip() for cell in cells]
    hot = [k for k, text in enumerate(texts) if text in ("1", "1.0", "True")]
    cold = [k for k, text in enumerate(texts) if text in ("0", "0.0", "False")]
    return hot[0] if len(hot) == 1 and len(cold) == len(texts) - 1 else None
