"""Reading pictures: any common file to pixels, and colour fundus photographs to one size."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from fed.data.cases import Pixels
from fed.errors import DataError

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"})
"""Suffixes of the files that are read as one picture."""

FULL_SCALES = (255, 4095, 65535)
BLACK = 16
"""A pixel of a photograph's border is at most this bright, of 255, in every channel."""


def load_fundus(path: Path) -> Pixels:
    """Return a fundus photograph ``(height, width, 3)`` at the size it is stored in.

    Pictures with 8 bits a channel are read as they are, colour pictures with 16 bits by their
    upper 8. Grey ones (16 bits scaled by `to_bytes`) and arrays ``(height, width)``, such as a
    scanning laser image inside a ``.npz``, get three equal channels.

    Raises
    ------
    DataError
        Naming the file and the trouble.
    """
    pixels = load_array(path) if is_array(path) else load_picture(path)
    pixels = to_bytes(pixels, path)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise DataError(
            f"{path}: an array of shape {pixels.shape}; a fundus photograph is "
            "(height, width) or (height, width, 3)"
        )
    return pixels


def read_fundus(path: Path, size: int) -> Pixels:
    """Return a fundus photograph ``(3, size, size)``, red first, the whole field of view in it.

    Black borders are cropped, the rest is padded with black to a square around its centre, and
    the square is resized with antialiasing. Left eyes are not mirrored.

    Raises
    ------
    DataError
        Naming the file and the trouble.
    """
    picture = Image.fromarray(_without_black_borders(load_fundus(path)))
    side = max(picture.size)
    square = Image.new("RGB", (side, side))
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    resized = square.resize((size, size), Image.Resampling.BILINEAR)
    return np.ascontiguousarray(np.asarray(resized).transpose(2, 0, 1))


def load_picture(path: Path, grey: bool = False) -> NDArray[Any]:
    """Return the pixels of a picture file, turned upright where the camera noted how.

    Grey is ``(height, width)`` in the depth it is stored in; colour is ``(height, width, 3)`` in
    8 bits, or turned to grey on request.
    """
    with reading(path), Image.open(path) as opened:
        opened.load()
        picture = ImageOps.exif_transpose(opened)
        if picture.mode in ("1", "L", "LA") or (grey and not _is_deep(picture)):
            return np.asarray(picture.convert("L"))
        return np.asarray(picture if _is_deep(picture) else picture.convert("RGB"))


def load_array(path: Path) -> NDArray[Any]:
    """Return the array in a ``.npy`` file, or one of those in a ``.npz`` file.

    Which one the path says as if the file were a folder, ``scan.npz/oct_bscans``; without a name
    it is the first.
    """
    file = backing_file(path)
    with reading(path):
        loaded = np.load(file, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded as archive:
            if not archive.files:
                raise DataError(f"{path}: holds no array")
            name = archive.files[0] if file == path else path.name
            if name not in archive.files:
                raise DataError(
                    f"{file}: holds no array {name!r}; it has: {', '.join(archive.files)}"
                )
            return archive[name]


def is_array(path: Path) -> bool:
    """Whether a path is a ``.npy`` or ``.npz`` file, or names an array in a ``.npz`` file."""
    return backing_file(path).suffix.lower() in (".npy", ".npz")


def backing_file(path: Path) -> Path:
    """Return the file or folder that a path is read from: itself, or the ``.npz`` file it is in."""
    return path.parent if path.parent.suffix.lower() == ".npz" else path


def to_bytes(values: NDArray[Any], path: Path) -> Pixels:
    """Bring brightness of any depth to 8 bits.

    The brightest value tells the depth: full scale is the least of 255, 4095 (12 bits) and
    65535 (16 bits) that holds it, and also 1 for fractions. So images of one device keep their
    brightness relative to each other. Where values are negative or beyond 16 bits no depth is
    known, and the image's own range becomes 0 to 255.

    Raises
    ------
    DataError
        If the values are not real numbers, some are not finite, or there are none.
    """
    if values.dtype.kind not in "buif" or values.size == 0:
        raise DataError(
            f"{path}: an array of {values.dtype} with shape {values.shape}; numbers are needed"
        )
    if values.dtype == np.uint8:
        return values
    if values.dtype.kind == "b":
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise DataError(f"{path}: holds values that are not finite numbers (NaN or infinite)")
    low, high = float(values.min()), float(values.max())
    scales = (1, *FULL_SCALES) if values.dtype.kind == "f" else FULL_SCALES
    full = next((scale for scale in scales if high <= scale), None)
    if low < 0 or full is None:
        zero, span = low, high - low
    else:
        zero, span = 0.0, float(full)
    scaled = (values.astype(np.float64) - zero) * (255.0 / span if span else 0.0)
    return np.rint(scaled).astype(np.uint8)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what libraries say of a bad file into one `DataError` that names the file."""
    try:
        yield
    except DataError:
        raise
    except UnidentifiedImageError:
        raise DataError(f"{path}: not an image in a known format") from None
    except MemoryError:
        raise
    except Exception as error:  # decoders raise anything from SyntaxError to zlib.error
        if isinstance(error, OSError) and error.strerror:
            raise DataError(f"{path}: cannot be read: {error.strerror}") from None
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: damaged or truncated ({reason})") from None


def _is_deep(picture: Image.Image) -> bool:
    return picture.mode.startswith(("I", "F"))


def _without_black_borders(pixels: Pixels) -> Pixels:
    """Crop the rows and columns at the edges in which not even 1 % of the pixels are lit."""
    lit = pixels.max(axis=2) > BLACK
    rows, columns = (np.flatnonzero(lit.mean(axis=axis) > 0.01) for axis in (1, 0))
    if not len(rows) or not len(columns):
        return pixels
    return pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
