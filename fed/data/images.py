"""Reading colour fundus photographs from any common file, and bringing them to one size."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fed.data.brightness import scale_of, scaled, to_bytes
from fed.data.cases import Pixels
from fed.data.formats.arrays import read as _read_array
from fed.data.formats.known import backing_file, image_files, is_array, photograph_format
from fed.data.formats.pictures import PICTURES, read_picture
from fed.data.formats.stored import Eye
from fed.data.limits import allow_picture, reading
from fed.errors import DataError

__all__ = [
    "PICTURES",
    "backing_file",
    "image_files",
    "is_array",
    "load_array",
    "load_fundus",
    "load_picture",
    "open_fundus",
    "read_fundus",
    "reading",
    "resize_fundus",
    "to_bytes",
]  # fmt: skip

BLACK = 16
"""A pixel of a photograph's border is at most this bright, of 255, in every channel."""


@dataclass(frozen=True)
class Opened:
    """An image in 8 bits, at the size it is stored in.

    Attributes
    ----------
    pixels : array
        A photograph ``(height, width, 3)`` or a scan ``(slices, depth, width)``.
    guess : str or None
        How the depth was guessed, where neither type nor header of the file tells it.
    eye : Eye
        What the file's header tells of the eye.
    """

    pixels: Pixels
    guess: str | None
    eye: Eye


def open_fundus(path: Path) -> Opened:
    """Return a fundus photograph ``(height, width, 3)`` at the size it is stored in.

    Pictures with 8 bits a channel are read as they are, colour pictures with 16 bits by their
    upper 8. Grey ones (more bits scaled by `to_bytes`) and arrays ``(height, width)``, such as a
    scanning laser image inside a ``.npz``, get three equal channels.

    Raises
    ------
    DataError
        Naming the file and the trouble.
    """
    stored = photograph_format(path)(path)
    shape = stored.pixels.shape
    if len(shape) not in (2, 3) or shape[2:] not in ((), (3,)):
        raise DataError(
            f"{path}: an array of shape {shape}; a fundus photograph is "
            "(height, width) or (height, width, 3)"
        )
    allow_picture(path, shape[1], shape[0])
    pixels, guess = in_bytes(stored.pixels, stored.white, path)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    return Opened(pixels, guess, stored.eye)


def load_fundus(path: Path) -> Pixels:
    """Return the pixels of `open_fundus`."""
    return open_fundus(path).pixels


def read_fundus(path: Path, size: int) -> Pixels:
    """Return a fundus photograph ``(3, size, size)``, as `resize_fundus` brings it to.

    Raises
    ------
    DataError
        Naming the file and the trouble.
    """
    return resize_fundus(load_fundus(path), size)


def resize_fundus(pixels: Pixels, size: int) -> Pixels:
    """Return a photograph as ``(3, size, size)``, red first, the whole field of view in it.

    Black borders are cropped, the rest is padded with black to a square around its centre, and
    the square is resized with antialiasing. Left eyes are not mirrored.
    """
    picture = Image.fromarray(_without_black_borders(pixels))
    side = max(picture.size)
    square = Image.new("RGB", (side, side))
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    resized = square.resize((size, size), Image.Resampling.BILINEAR)
    return np.ascontiguousarray(np.asarray(resized).transpose(2, 0, 1))


def in_bytes(values: NDArray[Any], white: float | None, path: Path) -> tuple[Pixels, str | None]:
    """Return what a file holds in 8 bits, and how its depth was guessed, if it was."""
    scale = scale_of(values, path, white)
    return scaled(values, scale), scale.guess


def load_picture(path: Path, grey: bool = False) -> NDArray[Any]:
    """Return the pixels of a picture file, as `read_picture` does."""
    return read_picture(path, grey).pixels


def load_array(path: Path) -> NDArray[Any]:
    """Return the array in a ``.npy`` file, or one of those in a ``.npz`` file."""
    return _read_array(path).pixels


def _without_black_borders(pixels: Pixels) -> Pixels:
    """Crop the rows and columns at the edges in which not even 1 % of the pixels are lit."""
    red, green, blue = np.moveaxis(
        pixels, 2, 0
    )  # ten times faster than the largest along an axis of 3
    lit = np.maximum(np.maximum(red, green), blue) > BLACK
    rows, columns = (np.flatnonzero(lit.mean(axis=axis) > 0.01) for axis in (1, 0))
    if not len(rows) or not len(columns):
        return pixels
    return pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
