"""What any image file holds, before it is brought to one size and 8 bits."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

Laterality = Literal["R", "L"]


@dataclass(frozen=True)
class Eye:
    """What a file's header tells of the eye, beside its pixels.

    Attributes
    ----------
    laterality : {"R", "L"} or None
    patient_id : str or None
    spacing : tuple of float or None
        Millimetres between slices (None if there is one), pixels of depth, and pixels of width.
    """

    laterality: Laterality | None = None
    patient_id: str | None = None
    spacing: tuple[float | None, float, float] | None = None


@dataclass(frozen=True)
class Stored:
    """The pixels of a file as they are stored, and what its header tells.

    Attributes
    ----------
    pixels : array
        A picture ``(height, width)`` or ``(height, width, 3)``, or a scan
        ``(slices, depth, width)``.
    white : float or None
        What white is stored as, where the header tells it.
    eye : Eye
    told_axes : bool
        Whether the format or the header says which axis is which, so that nobody else need.
    """

    pixels: NDArray[Any]
    white: float | None = None
    eye: Eye = Eye()
    told_axes: bool = True


Format = Callable[[Path], Stored]
"""Reads a file, or raises a `DataError` that names it."""


def side(text: object) -> Laterality | None:
    """Return the laterality that a header spells as ``R``, ``OD``, ``Right`` and the like."""
    spelt = str(text or "").strip(" \0").upper()
    if spelt in ("R", "OD", "RIGHT"):
        return "R"
    return "L" if spelt in ("L", "OS", "LEFT") else None
