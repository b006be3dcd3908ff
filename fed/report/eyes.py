"""A page of graded eyes, the worst first, with what the model's answer rests on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fed.report.page import write_page
from fed.report.style import inline_image, severity_colours

HEAT = np.array([255.0, 90.0, 0.0])
STRONGEST = 0.65
"""Opacity of the colour where covering a place matters most."""


@dataclass(frozen=True)
class GradedEye:
    """One eye to show.

    Attributes
    ----------
    case_id, grade : str
    probabilities : tuple of float
        By class, mildest first.
    fundus : array (3, H, W) or None
    oct : array (S, D, W) or None
        8 bit.
    fundus_map, oct_map : array or None
        ``(H, W)`` and ``(S, D, W)``: by how much covering a place lowers the answer.
    remarks : tuple of str
        What a reader should know of it.
    """

    case_id: str
    grade: str
    probabilities: tuple[float, ...]
    fundus: NDArray[np.uint8] | None
    oct: NDArray[np.uint8] | None
    fundus_map: NDArray[np.float64] | None
    oct_map: NDArray[np.float64] | None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shown:
    """A graded eye as the page shows it: pictures are data URIs with what they are."""

    eye: GradedEye
    pictures: tuple[tuple[str, str], ...]
    shares: tuple[tuple[str, str, float], ...]


def write_eyes(
    path: Path, eyes: Sequence[GradedEye], graded: int, classes: Sequence[str], model: str
) -> Path:
    """Write a page of eyes, in the order given.

    Parameters
    ----------
    graded : int
        How many eyes were graded in all.
    model : str
        Which model it was, for a person.
    """
    colours = severity_colours(len(classes))
    content = {
        "eyes": [_shown(eye, classes, colours) for eye in eyes],
        "graded": graded,
        "classes": classes,
        "class_colours": list(zip(classes, colours, strict=True)),
        "model": model,
    }
    return write_page("eyes.html", path, content)


def heated(picture: NDArray[np.uint8], fall: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Colour a picture ``(H, W)`` or ``(H, W, 3)`` where a map ``(H, W)`` is above 0.

    The largest value of the map has the full colour; a map of nothing above 0 changes nothing.
    """
    colour = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
    largest = fall.max()
    if largest <= 0:
        return colour
    alpha = STRONGEST * np.clip(fall / largest, 0, 1)[..., None]
    return np.rint((1 - alpha) * colour + alpha * HEAT).astype(np.uint8)


def _shown(eye: GradedEye, classes: Sequence[str], colours: Sequence[str]) -> Shown:
    pictures: list[tuple[str, str]] = []
    if eye.fundus is not None:
        photograph = np.moveaxis(eye.fundus, 0, -1)
        pictures.append((inline_image(photograph), "fundus photograph"))
        if eye.fundus_map is not None:
            pictures.append((inline_image(heated(photograph, eye.fundus_map)), "where it looked"))
    if eye.oct is not None:
        fall = eye.oct_map
        at = len(eye.oct) // 2 if fall is None else int(fall.max(axis=(1, 2)).argmax())
        pictures.append((inline_image(eye.oct[at]), f"OCT, slice {at + 1} of {len(eye.oct)}"))
        if fall is not None:
            pictures.append((inline_image(heated(eye.oct[at], fall[at])), "where it looked"))
    shares = tuple(zip(classes, colours, (100 * p for p in eye.probabilities), strict=True))
    return Shown(eye, tuple(pictures), shares)
