"""Cases, slices and pictures in folders, by the numbers in their names; what is missing there."""

import re
from collections.abc import Sequence
from pathlib import Path

from fed.data.collection import Row
from fed.data.images import PICTURES
from fed.data.volumes import slice_files
from fed.errors import DataError, first_ten


def numbered_folders(root: Path) -> dict[int, Path]:
    """Return the folders whose names are numbers, by number, in numeric order.

    Raises
    ------
    DataError
        If `root` is no folder, or two folders have one number (``7`` and ``007``).
    """
    if not root.is_dir():
        raise DataError(f"{root}: there is no such folder")
    folders: dict[int, Path] = {}
    for folder in sorted(root.iterdir()):
        if folder.name.isdecimal() and folder.is_dir():
            first = folders.setdefault(int(folder.name), folder)
            if first != folder:
                raise DataError(f"{root}: {first.name} and {folder.name} are the same case number")
    return dict(sorted(folders.items()))


def first_present(candidates: Sequence[Path]) -> Path | None:
    """Return the first of the paths that exists."""
    return next((path for path in candidates if path.exists()), None)


def missing_slices(folder: Path) -> list[str]:
    """Tell what is missing from a folder of slices: all of them, or numbers between the others."""
    files = slice_files(folder)
    if not files:
        return [f"{folder}: holds no slices"]
    numbers = [int(found[0]) for file in files if (found := re.match(r"\d+", file.name))]
    if len(numbers) < len(files):
        return []
    gaps = sorted(set(range(min(numbers), max(numbers) + 1)) - set(numbers))
    return [f"{folder}: no slice {', '.join(map(str, gaps[:10]))}"] if gaps else []


def pictures(folder: Path) -> list[Path]:
    """Return the pictures in a folder by the numbers in their names: 2 comes before 10."""
    if not folder.is_dir():
        return []
    found = (file for file in folder.iterdir() if file.suffix.lower() in PICTURES)
    return sorted((file for file in found if not file.name.startswith(".")), key=numeric)


def numeric(path: Path) -> tuple[list[tuple[int, int | str]], str]:
    """Return what sorts names by the numbers in them."""
    parts = re.findall(r"[0-9]+|[^0-9]+", path.stem.lower())
    return [(0, int(p)) if p.isdecimal() else (1, p) for p in parts], path.name


def below(root: Path, *names: str) -> Path:
    """Return the first of these folders that is in `root`, or `root`: archives unpack so or so."""
    return first_present([root / name for name in names]) or root


def complete(root: Path, rows: Sequence[Row], troubles: Sequence[str]) -> tuple[Row, ...]:
    """Return the rows of a collection if there are any, and nothing of it is missing.

    Raises
    ------
    DataError
        Naming the first ten troubles and how many there are, or the folder that is empty.
    """
    if troubles:
        raise DataError(f"{root}: {len(troubles)} missing or wrong: {first_ten(troubles)}")
    if not rows:
        raise DataError(f"{root}: holds no image of this collection where it is published to be")
    return tuple(rows)
