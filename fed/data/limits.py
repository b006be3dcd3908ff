"""What a file may ask for before anything of it is decoded, and how its troubles are told.

A header is believed only as far as the file is long enough for it, and never for more memory than
a scan of an eye takes: a few hundred bytes can otherwise ask for gigabytes.
"""

import math
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from fed.errors import DataError
from fed.sites import Modality

MIB = 1 << 20
GIB = 1 << 30

MOST_FILE = 1024 * MIB
"""Bytes of a file that is read."""

MOST_PIXELS = 512 * MIB
"""Bytes of the pixels of an image as they are stored: 1,024 slices of 512 x 1,024 in 8 bits."""

MOST_SLICES = 1024

MOST_PICTURE = 64 * MIB
"""Pixels of one picture: 8,192 x 8,192."""

MOST_SIDE = 12_000
"""Pixels along a side of one picture, which is padded to a square of that side."""

MOST_OF_MEMORY = 0.5
"""Share of a machine's memory that decoded images may take."""

MOST_ASPECT = 16
"""How many times as long as the shorter side the longer one may be."""


def regular(path: Path, named: Path | None = None) -> int:
    """Return the size of a file, 0 of a folder; a pipe, which would hang, is refused.

    Parameters
    ----------
    named : Path, optional
        What messages name in place of the file: an array inside it.

    Raises
    ------
    DataError
        If there is no such file, or it is a device, pipe or socket, or too large.
    """
    named = named or path
    try:
        status = os.stat(path)
    except OSError as error:
        raise DataError(f"{named}: cannot be read: {error.strerror}") from None
    except ValueError as error:  # a null byte in the name
        raise DataError(f"{str(named)!r}: cannot be read: {error}") from None
    if stat.S_ISDIR(status.st_mode):
        return 0
    if not stat.S_ISREG(status.st_mode):
        raise DataError(f"{named}: not a regular file, but a device, pipe or socket")
    if status.st_size > MOST_FILE:
        raise DataError(
            f"{named}: {status.st_size / MIB:,.0f} MiB; at most {MOST_FILE // MIB:,} are read"
        )
    return status.st_size


@contextmanager
def reading(path: Path, named: Path | None = None) -> Iterator[None]:
    """Turn what libraries say of a bad file into one `DataError` that names the file.

    The file is made sure to be a regular one first. `named` is as `regular` takes it.
    """
    named = named or path
    regular(path, named)
    try:
        yield
    except DataError:
        raise
    except MemoryError:
        raise DataError(f"{named}: needs more memory than there is") from None
    except Exception as error:  # decoders raise anything from SyntaxError to zlib.error
        if isinstance(error, OSError) and error.strerror:
            raise DataError(f"{named}: cannot be read: {error.strerror}") from None
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(f"{named}: damaged or truncated ({reason})") from None


def allow_array(path: Path, shape: Sequence[int], itemsize: int) -> int:
    """Return the bytes that an array takes, by a header; refuse too many of them.

    Raises
    ------
    DataError
        Naming the file and its shape.
    """
    if any(length < 0 for length in shape):
        raise DataError(f"{path}: damaged (its header tells the shape {tuple(shape)})")
    wanted = math.prod(map(int, shape)) * itemsize
    if wanted > MOST_PIXELS:
        raise DataError(
            f"{path}: {by(shape)} values by its header, {wanted / MIB:,.0f} MiB; "
            f"at most {MOST_PIXELS // MIB} MiB are read"
        )
    return wanted


def allow_picture(path: Path, width: int, height: int, slices: int = 1, itemsize: int = 1) -> None:
    """Refuse a picture, or a stack of pictures of one size, that no camera or scanner takes.

    Raises
    ------
    DataError
        Naming the file and what is too large.
    """
    told = f"{path}: {width:,} x {height:,} pixels by its header"
    if not 0 < width <= MOST_SIDE or not 0 < height <= MOST_SIDE:
        raise DataError(f"{told}; a side has 1 to {MOST_SIDE:,}")
    if width * height > MOST_PICTURE:
        raise DataError(f"{told}; at most {MOST_PICTURE / 1e6:.0f} million are read")
    if max(width, height) > MOST_ASPECT * min(width, height):
        raise DataError(f"{told}; the longer side is at most {MOST_ASPECT} times the shorter one")
    allow_slices(path, slices)
    allow_array(path, (slices, height, width), itemsize)


def allow_slices(path: Path, slices: int) -> None:
    """Refuse none, or more slices than a volume has.

    Raises
    ------
    DataError
        Naming the file and the count.
    """
    if not 0 < slices <= MOST_SLICES:
        raise DataError(f"{path}: {slices:,} slices; a volume has 1 to {MOST_SLICES:,}")


def long_enough(path: Path, needed: int) -> None:
    """Refuse a file that is shorter than its header says.

    Raises
    ------
    DataError
        Naming the file and both sizes.
    """
    size = regular(path)
    if size < needed:
        raise DataError(f"{path}: damaged or truncated ({size:,} bytes, {needed:,} by its header)")


def allow_kept(name: str, counts: Mapping[Modality, int], wanted: int) -> None:
    """Refuse to keep more decoded images than a machine has memory for.

    Parameters
    ----------
    name : str
        Of the source.
    counts : mapping of modality to int
        Images by modality.
    wanted : int
        Bytes of them all.

    Raises
    ------
    DataError
        Naming the memory they would take, and what to do.
    """
    there = memory()
    if wanted <= MOST_OF_MEMORY * there:
        return
    images = " and ".join(f"{count:,} {modality}" for modality, count in counts.items() if count)
    raise DataError(
        f"{name}: {images} images that are not prepared take {wanted / GIB:,.1f} GiB of memory, and "
        f"half of this machine's is {MOST_OF_MEMORY * there / GIB:,.1f} GiB; name a folder "
        "(data.prepared) and fill it with simulate.py CONFIG --prepare: rounds then read from there"
    )


def memory() -> int:
    """Return the bytes of memory that this process may have: the machine's, or its container's."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        container = Path("/sys/fs/cgroup/memory.max").read_text().strip()
    except OSError:
        return machine
    return min(machine, int(container)) if container.isdecimal() else machine


def by(shape: Sequence[int]) -> str:
    """Return a shape as a message has it: ``5 x 12 x 20``."""
    return " x ".join(str(length) for length in shape)
