"""NIfTI 1 and 2, compressed or not: the header is checked before an array is made of it."""

import gzip
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fed.data.brightness import DEPTHS
from fed.data.formats.stored import Eye, Stored
from fed.data.limits import allow_array, reading
from fed.errors import DataError

SUFFIXES = (".nii", ".nii.gz")

SIZES = {348: "Nifti1Header", 540: "Nifti2Header"}
"""Bytes of the headers, which are also their first number."""

HEADER_ROOM = 1 << 20
"""Bytes before the voxels: the header, and extensions that are of no use here."""


def read(path: Path) -> Stored:
    """Return a scan ``(slices, depth, width)``, or a B-scan ``(depth, width)``, with its scaling.

    A header that says which axis the slices are on is heeded. A display range that is a depth
    (0 to 255, for instance) tells what white is.

    Raises
    ------
    DataError
        Naming the file and what is wrong.
    """
    with reading(path):
        header, stored = _content(path)
        voxels = _voxels(path, header, stored)
        axis = header.get_dim_info()[2]
        white = float(header["cal_max"]) if float(header["cal_min"]) == 0 else 0.0
        zooms = [float(zoom) for zoom in header.get_zooms()[:3]]
    while voxels.ndim > 3 and voxels.shape[-1] == 1:
        voxels = voxels[..., 0]
    if voxels.ndim == 3 and axis is not None:
        voxels = np.moveaxis(voxels, axis, 0)
        zooms.insert(0, zooms.pop(axis))
    elif voxels.ndim == 3 and voxels.shape[2] == 1:
        voxels, axis = voxels.transpose(2, 0, 1), 2
    eye = Eye(spacing=(zooms[0], zooms[1], zooms[2])) if len(zooms) == 3 else Eye()
    return Stored(voxels, white if white in (1, *DEPTHS) else None, eye, axis is not None)


def _content(path: Path) -> tuple[Any, memoryview]:
    """Return the header, checked against the file, and the bytes that the voxels are in."""
    import nibabel  # slow to import, and only this format needs it

    packed = path.suffix.lower() == ".gz"
    with gzip.open(path, "rb") if packed else path.open("rb") as file:
        first = file.read(max(SIZES))
        kind = next((SIZES.get(int.from_bytes(first[:4], o)) for o in ("little", "big")
                     if int.from_bytes(first[:4], o) in SIZES), None)  # fmt: skip
        if kind is None:
            raise DataError(f"{path}: damaged or no NIfTI file (its first number is no header's)")
        cls = getattr(nibabel, kind)
        header = cls(first[: cls.template_dtype.itemsize])
        shape, dtype = header.get_data_shape(), header.get_data_dtype()
        if not shape:
            raise DataError(f"{path}: damaged (its header tells no shape)")
        wanted, offset = allow_array(path, shape, dtype.itemsize), int(header.get_data_offset())
        if not 0 <= offset <= HEADER_ROOM:
            raise DataError(f"{path}: damaged (voxels at byte {offset:,} by its header)")
        rest = file.read(max(0, offset + wanted - len(first)))
        if len(first) + len(rest) < offset + wanted:
            raise DataError(
                f"{path}: damaged or truncated ({len(first) + len(rest):,} bytes, "
                f"{offset + wanted:,} by its header)"
            )
        if packed:
            _to_the_end(file, path)
    return header, memoryview(first + rest)[offset : offset + wanted]


def _to_the_end(file: Any, path: Path) -> None:
    """Read what is left, where the checksum of the compression is."""
    try:
        if len(file.read(HEADER_ROOM)) == HEADER_ROOM:
            raise DataError(f"{path}: damaged (goes on for long after the voxels)")
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: damaged or truncated ({error})") from None


def _voxels(path: Path, header: Any, stored: memoryview) -> NDArray[Any]:
    shape, dtype = header.get_data_shape(), header.get_data_dtype()
    voxels: NDArray[Any] = np.frombuffer(stored, dtype, math.prod(shape)).reshape(shape, order="F")
    slope, inter = header.get_slope_inter()
    if slope in (None, 1) and inter in (None, 0):
        return voxels
    if dtype.kind not in "iuf":
        raise DataError(f"{path}: {dtype} voxels cannot be scaled, as its header asks for")
    allow_array(path, shape, 4)
    return voxels.astype(np.float32) * np.float32(slope or 1) + np.float32(inter or 0)
