"""Images that can be read and yet may be worthless: black, white, of one colour, of unknown depth.

None of it is refused: a black photograph may be what the camera took. It is counted and named.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from fed.data.cases import Pixels
from fed.errors import first_ten
from fed.sites import Modality

Kind = Literal["blank", "saturated", "one colour", "blank slices", "depth"]

WORDS: dict[Kind, str] = {
    "blank": "{} black, or nearly",
    "saturated": "{} white, for the most part",
    "one colour": "{} of one colour",
    "blank slices": "{} volumes with slices that are black or of one colour",
}
"""What is said of images of a kind; ``depth`` has words of its own."""

DARK = 16
"""A pixel is black if no channel is brighter, of 255."""
LIT = 1e-3
"""A picture with a smaller share of pixels that are not black is blank."""
WHITE = 254
MOST_WHITE = 0.75
"""A picture with a larger share of pixels that are white is saturated."""
ONE_COLOUR = 3
"""Brightness between the 0.5 % and 99.5 % quantile of every channel of one colour, at most."""
LOW, HIGH = 0.005, 0.995
LEVELS = 256
LOOKED_AT = 128
"""Pixels along the shorter side that are looked at, at least, where there are so many."""


@dataclass(frozen=True)
class Doubt:
    """Something that a person should look at in an image.

    Attributes
    ----------
    modality : {"fundus", "oct"}
    path : Path
    kind : {"blank", "saturated", "one colour", "blank slices", "depth"}
    words : str
        What more is to say of it: how the depth was guessed.
    """

    modality: Modality
    path: Path
    kind: Kind
    words: str = ""


def doubts_of(
    modality: Modality, path: Path, pixels: Pixels, guess: str | None = None
) -> tuple[Doubt, ...]:
    """Return what is doubtful of an image as it is read.

    Parameters
    ----------
    pixels : array
        A photograph ``(height, width, 3)`` or a scan ``(slices, depth, width)``.
    guess : str, optional
        How its depth was guessed.
    """
    pictures = pixels[None] if modality == "fundus" else pixels[..., None]
    step = max(1, min(pictures.shape[1:3]) // LOOKED_AT)
    found = _kinds(pictures[:, ::step, ::step])
    whole: Kind | None = found[0] if len(set(found)) == 1 else None
    if whole is None and any(found):
        whole = "blank slices"
    doubts = [Doubt(modality, path, whole)] if whole else []
    if guess:
        doubts.append(Doubt(modality, path, "depth", guess))
    return tuple(doubts)


def image_warnings(doubts: Iterable[Doubt]) -> tuple[str, ...]:
    """Return a sentence for each modality and kind of doubt, naming the first ten images."""
    groups: dict[tuple[Modality, Kind, str], list[str]] = defaultdict(list)
    for doubt in doubts:
        groups[doubt.modality, doubt.kind, doubt.words].append(str(doubt.path))
    kinds = get_args(Kind)
    ordered = sorted(groups.items(), key=lambda item: (kinds.index(item[0][1]), item[0]))
    return tuple(_sentence(*key, sorted(paths)) for key, paths in ordered)


def _sentence(modality: Modality, kind: Kind, words: str, paths: list[str]) -> str:
    count = f"{len(paths):,} {modality} image{'' if len(paths) == 1 else 's'}"
    if kind == "depth":
        return f"{count}: {words}, as neither type nor header tells: {first_ten(paths)}"
    return f"{count} {WORDS[kind].format('is' if len(paths) == 1 else 'are')}: {first_ten(paths)}"


def _kinds(pictures: Pixels) -> list[Kind | None]:
    """Return what is wrong with each of some pictures ``(n, height, width, channels)``."""
    number, channels = len(pictures), pictures.shape[-1]
    planes = np.ascontiguousarray(np.moveaxis(pictures, -1, 0)).reshape(channels, number, -1)
    lit = (planes.max(axis=0) > DARK).mean(axis=1)
    white = (planes.min(axis=0) >= WHITE).mean(axis=1)
    widest = _spreads(planes.reshape(channels * number, -1)).reshape(channels, number).max(axis=0)
    found: list[Kind | None] = []
    for row in range(number):
        if lit[row] < LIT:
            found.append("blank")
        elif white[row] > MOST_WHITE:
            found.append("saturated")
        else:
            found.append("one colour" if widest[row] <= ONE_COLOUR else None)
    return found


def _spreads(values: Pixels) -> NDArray[np.float64]:
    """Return how far the 99.5 % quantile of each row lies above the 0.5 % quantile ``(n,)``.

    Counted, not sorted: there are only 256 levels of brightness.
    """
    number, size = values.shape
    of_row = values + (np.arange(number) * LEVELS)[:, None]
    counts = np.bincount(of_row.ravel(), minlength=number * LEVELS).reshape(number, LEVELS)
    up_to = counts.cumsum(axis=1)

    def ordered(place: int) -> NDArray[np.float64]:
        return (up_to > place).argmax(axis=1).astype(np.float64)

    def quantile(share: float) -> NDArray[np.float64]:
        below = math.floor((size - 1) * share)
        low, high = ordered(below), ordered(min(below + 1, size - 1))
        return low + (high - low) * ((size - 1) * share - below)

    return quantile(HIGH) - quantile(LOW)
