"""NumPy's ``.npy`` and ``.npz``: the header is checked before an array is made of it."""

import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from fed.data.formats.stored import Stored
from fed.data.limits import MIB, allow_array, reading
from fed.errors import DataError, first_ten

SUFFIXES = (".npy", ".npz")

AT_ONCE = MIB
"""Bytes that are unpacked at once."""


def read(path: Path) -> Stored:
    """Return the array of a file, or the one of an archive that its path names.

    A path names an array as if the file were a folder, ``scan.npz/oct_bscans``; without a name it
    is the first.

    Raises
    ------
    DataError
        Naming the file and what is wrong; also for an array of objects, which is never unpickled.
    """
    inside = path.parent.suffix.lower() == ".npz"
    file = path.parent if inside else path
    with reading(file, path):
        if file.suffix.lower() == ".npy":
            with file.open("rb") as opened:
                size = os.fstat(opened.fileno()).st_size
                return Stored(_array(opened, path, size), told_axes=False)
        with zipfile.ZipFile(file) as archive:
            member = _member(archive, file, path.name if inside else None)
            with archive.open(member) as opened:
                return Stored(_array(opened, path, member.file_size), told_axes=False)


def _member(archive: zipfile.ZipFile, file: Path, name: str | None) -> zipfile.ZipInfo:
    members = {m.filename.removesuffix(".npy"): m for m in archive.infolist()}
    if not members:
        raise DataError(f"{file}: holds no array")
    if name is None:
        return next(iter(members.values()))
    if name not in members:
        raise DataError(f"{file}: holds no array {name!r}; it has: {first_ten([*members])}")
    return members[name]


def _array(opened: IO[bytes], path: Path, size: int) -> NDArray[Any]:
    """Read an array after its header: the file must hold, and memory bear, what it tells."""
    shape, fortran, dtype = _header(opened, path)
    if dtype.hasobject:
        raise DataError(f"{path}: damaged or no image (an array of Python objects is not read)")
    wanted = allow_array(path, shape, dtype.itemsize)
    if wanted > size:
        raise DataError(f"{path}: damaged or truncated ({size:,} bytes, {wanted:,} by its header)")
    values = bytearray(wanted)  # filled in place: what is read is never there twice
    filled, view = 0, memoryview(values)
    while filled < wanted and (count := opened.readinto(view[filled : filled + AT_ONCE])):  # type: ignore[attr-defined]
        filled += count
    if filled < wanted:
        raise DataError(f"{path}: damaged or truncated ({filled:,} bytes of {wanted:,})")
    opened.read(1)  # the end of an archive's member is where its checksum is compared
    return np.frombuffer(values, dtype).reshape(shape, order="F" if fortran else "C")


def _header(opened: IO[bytes], path: Path) -> tuple[Sequence[int], bool, np.dtype[Any]]:
    version = npy.read_magic(opened)
    if version == (1, 0):
        return npy.read_array_header_1_0(opened)
    if version == (2, 0):
        return npy.read_array_header_2_0(opened)
    raise DataError(f"{path}: damaged or truncated (NumPy format {version[0]}.{version[1]})")
