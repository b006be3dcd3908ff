"""Pictures and stacks of pictures: PNG, JPEG, TIFF, BMP, GIF and what else Pillow reads safely."""

import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from fed.data.formats.stored import Stored
from fed.data.limits import MOST_SLICES, allow_picture, by, reading
from fed.errors import DataError

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif"})
"""Suffixes of the files that are read as pictures; a file's content says which of them it is."""

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "JPEG2000", "PPM", "WEBP")
"""What Pillow may take a file for: nothing that starts another program, as PostScript does."""

STACKS = ("TIFF", "GIF")
"""Formats whose further pages are slices; further ones of a photograph are its previews."""

SUBFILE, MOST_SAMPLE, DESCRIPTION = 254, 281, 270
"""Tags of TIFF: kind of page, value of white, and the text that ImageJ puts its count in."""

SIGNIFICANT = b"sBIT"
"""The chunk of a PNG file that tells how many of the bits are in use."""

# `allow_picture` has a bound of its own, and refuses where Pillow warns.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


class NotAPictureError(DataError):
    """A file that holds no picture in a format that is read."""


def read_picture(path: Path, grey: bool = False) -> Stored:
    """Return the only picture of a file, turned upright where the camera noted how.

    Grey is ``(height, width)`` in the depth it is stored in; colour is ``(height, width, 3)`` in
    8 bits, or turned to grey on request.

    Raises
    ------
    DataError
        Naming the file and what is wrong; also where it has several pages.
    """
    stored = read_stack(path, grey)
    if len(stored.pixels) > 1:
        raise DataError(f"{path}: {len(stored.pixels)} pages, where one picture is expected")
    return Stored(stored.pixels[0], stored.white)


def read_stack(path: Path, grey: bool = True) -> Stored:
    """Return the pages of a file, ``(pages, height, width)``, or with 3 channels last.

    Thumbnails and masks among the pages of a TIFF file are left out, as its tags tell them.

    Raises
    ------
    DataError
        Naming the file and what is wrong; also where pages differ in size or depth.
    """
    with _opened(path) as opened:
        white = _white(opened, path)
        pages = [_pixels(page, grey) for page in _pages(opened, path)]
    first = pages[0]
    for number, page in enumerate(pages, 1):
        if (page.shape, page.dtype) != (first.shape, first.dtype):
            raise DataError(
                f"{path}: page {number} has {by(page.shape)} {page.dtype} values, the first "
                f"{by(first.shape)} {first.dtype}; slices of one volume are alike"
            )
    return Stored(first[None] if len(pages) == 1 else np.stack(pages), white)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    with reading(path):
        try:
            opened = Image.open(path, formats=FORMATS)
        except UnidentifiedImageError:
            raise NotAPictureError(f"{path}: not an image in a known format") from None
        except Image.DecompressionBombError:
            raise DataError(f"{path}: more pixels by its header than are read") from None
        with opened:
            yield opened


def _pages(opened: Image.Image, path: Path) -> Iterator[Image.Image]:
    """Yield the pages that are slices, each checked by its header and decoded."""
    number = found = pixels = 0
    while number <= MOST_SLICES:
        if not (number and _reduced(opened)):
            found += 1
            pixels = max(pixels, opened.width * opened.height)
            allow_picture(path, opened.width, opened.height, found, _bytes(opened))
            yield opened
        number += 1
        if opened.format not in STACKS:
            return
        try:
            opened.seek(number)
        except EOFError:
            return _all_there(opened, path, found)
    raise DataError(f"{path}: more than {MOST_SLICES:,} pages")


def _all_there(opened: Image.Image, path: Path, found: int) -> None:
    """Refuse a stack of ImageJ whose further slices have no page of their own."""
    text = getattr(opened, "tag_v2", {}).get(DESCRIPTION, "")
    told = re.search(r"^images=([0-9]{1,9})$", str(text), re.MULTILINE)
    if str(text).startswith("ImageJ") and told and int(told[1]) != found:
        raise DataError(f"{path}: {told[1]} slices by its header, {found} that can be read")


def _reduced(opened: Image.Image) -> bool:
    """Whether a page of a TIFF file is a thumbnail or a mask of another."""
    return bool(int(getattr(opened, "tag_v2", {}).get(SUBFILE, 0)) & 0b101)


def _bytes(opened: Image.Image) -> int:
    """Return how many bytes a pixel takes."""
    return (
        2 if opened.mode.startswith("I;16") else 4 if _is_deep(opened) else len(opened.getbands())
    )


def _pixels(opened: Image.Image, grey: bool) -> NDArray[Any]:
    opened.load()
    picture = ImageOps.exif_transpose(opened) if _turned(opened) else opened
    if picture.mode in ("1", "L", "LA") or (grey and not _is_deep(picture)):
        wanted = "L"
    else:
        wanted = picture.mode if _is_deep(picture) else "RGB"
    return np.array(picture if picture.mode == wanted else picture.convert(wanted))


def _turned(opened: Image.Image) -> bool:
    return opened.getexif().get(0x0112, 1) != 1


def _is_deep(picture: Image.Image) -> bool:
    return picture.mode.startswith(("I", "F"))


def _white(opened: Image.Image, path: Path) -> float | None:
    """Return what white is stored as in more than 8 bits, where the header tells it."""
    if not opened.mode.startswith("I"):
        return None
    if opened.format == "TIFF":
        told = opened.tag_v2.get(MOST_SAMPLE)  # type: ignore[attr-defined]
        told = told[0] if isinstance(told, tuple) and told else told
        return float(told) if isinstance(told, int) and 255 <= told < 1 << 16 else None
    if opened.format == "PNG":
        bits = _significant_bits(path)
        return float((1 << bits) - 1) if bits and 8 <= bits <= 16 else None
    return None


def _significant_bits(path: Path) -> int | None:
    """Return the first number of the chunk sBIT of a PNG file; it comes before the pixels."""
    with path.open("rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            if kind == SIGNIFICANT:
                return file.read(1)[0] if length else None
            if kind in (b"IDAT", b"IEND"):
                break
            file.seek(length + 4, 1)
    return None
