"""Cases that are folders named by numbers, and scans that are folders of numbered slices."""

import re
from collections.abc import Sequence
from pathlib import Path

from fed.data.volumes import slice_files
from fed.errors import DataError


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
