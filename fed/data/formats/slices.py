"""A folder of pictures as a volume: their names must tell one series, whole and in order."""

import itertools
import re
from pathlib import Path

import numpy as np

from fed.data.formats.pictures import PICTURES, read_picture
from fed.data.formats.stored import Stored
from fed.data.limits import allow_array, allow_slices, by, reading
from fed.errors import DataError


def read(folder: Path) -> Stored:
    """Return the pictures of a folder as ``(slices, depth, width)``, by the numbers in their names.

    Raises
    ------
    DataError
        If there is none, their names tell no order, several series or gaps, or they differ in size
        or depth.
    """
    files = slice_files(folder)
    if not files:
        raise DataError(f"{folder}: a folder without pictures ({', '.join(sorted(PICTURES))})")
    allow_slices(folder, len(files))
    one_series(files)
    return stacked(files)


def stacked(files: list[Path]) -> Stored:
    """Return pictures as the slices of a volume, in this order.

    Raises
    ------
    DataError
        If they differ in size or depth.
    """
    first = read_picture(files[0], grey=True)
    allow_array(files[0], (len(files), *first.pixels.shape), first.pixels.itemsize)
    volume = np.empty((len(files), *first.pixels.shape), first.pixels.dtype)
    for number, file in enumerate(files):
        slice_ = first if number == 0 else read_picture(file, grey=True)
        if slice_.pixels.shape != first.pixels.shape:
            raise DataError(
                f"{file}: {by(slice_.pixels.shape)} pixels, but {files[0].name} beside it has "
                f"{by(first.pixels.shape)} pixels; slices of one volume are of one size"
            )
        if (slice_.pixels.dtype, slice_.white) != (first.pixels.dtype, first.white):
            raise DataError(
                f"{file}: {_depth(slice_)}, but {files[0].name} beside it has {_depth(first)}; "
                "slices of one volume are of one depth"
            )
        volume[number] = slice_.pixels
    return Stored(volume, first.white)


def slice_files(folder: Path) -> list[Path]:
    """Return the pictures in a folder by the numbers in their names: 2 comes before 10."""
    with reading(folder):
        pictures = [file for file in folder.iterdir() if file.suffix.lower() in PICTURES]
    return sorted((file for file in pictures if not file.name.startswith(".")), key=_numeric)


def one_series(files: list[Path]) -> None:
    """Refuse pictures whose names do not count through one series, in even steps.

    Names have the same words and one number that counts. A second number that differs, another
    word (``OD_1`` beside ``OS_1``), the same number twice (``0.png`` beside ``0.jpg``) or a step
    that is larger than the others (``1, 2, 9``) means that something is there too much or missing.

    Raises
    ------
    DataError
        Naming the folder and two of its files.
    """
    if len(files) < 2:
        return
    folder = files[0].parent
    names = [_parts(file) for file in files]
    for file, name in zip(files, names, strict=True):
        if [p for p in name if isinstance(p, str)] != [p for p in names[0] if isinstance(p, str)]:
            raise DataError(
                f"{folder}: {files[0].name} beside {file.name}; the slices of one volume have one "
                "name that differs in a number, so these are several series, or something else"
            )
    numbers = [tuple(p for p in name if isinstance(p, int)) for name in names]
    counting = [i for i in range(len(numbers[0])) if len({told[i] for told in numbers}) > 1]
    if len(counting) > 1:
        raise DataError(
            f"{folder}: {files[0].name} and {files[-1].name} differ in more than one number, so "
            "which is the slice is not known"
        )
    counted = [told[counting[0]] if counting else 0 for told in numbers]
    steps = [after - before for before, after in itertools.pairwise(counted)]
    if 0 in steps:
        twice = steps.index(0)
        raise DataError(
            f"{folder}: {files[twice].name} beside {files[twice + 1].name}, two files for one slice"
        )
    if max(steps) != min(steps):
        wide = next(i for i, step in enumerate(steps) if step > min(steps))
        raise DataError(
            f"{folder}: slices are missing between {files[wide].name} and {files[wide + 1].name}"
        )


def _parts(file: Path) -> list[int | str]:
    """Return a name, in lower case, as the words and numbers it is made of."""
    parts = re.findall(r"[0-9]+|[^0-9]+", file.stem.lower())
    return [int(part[-18:]) if part[0] in "0123456789" else part for part in parts]


def _numeric(file: Path) -> tuple[list[tuple[int, int | str]], str]:
    return [(0, p) if isinstance(p, int) else (1, p) for p in _parts(file)], file.name


def _depth(stored: Stored) -> str:
    white = "" if stored.white is None else f", white at {stored.white:.0f}"
    return f"{stored.pixels.dtype} values{white}"
