"""Reading OCT: volumes and single B-scans from any common file, brought to one size.

Whatever the file, axes are in the order slices, depth, width: the slices in the order the scanner
took them, depth from vitreous to choroid, width along a B-scan. Left eyes are not mirrored, and a
scan keeps its whole field: spacing between voxels follows from the size it is brought to.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fed.data.cases import Pixels
from fed.data.formats.known import scan_format
from fed.data.formats.slices import slice_files
from fed.data.images import Opened, in_bytes
from fed.data.limits import allow_array, allow_slices, by
from fed.errors import DataError
from fed.sites import AXES, Axes

__all__ = ["AXES", "Axes", "load_oct", "open_oct", "read_oct", "resize_oct", "slice_files"]


LEAST = 8
"""Pixels that depth and width have at least; fewer are colour channels or a mistake."""

LONGEST = 2
"""Where nobody says the order of the axes, slices are at most so many times depth or width."""


def open_oct(path: Path, axes: Axes | None = None) -> Opened:
    """Return an OCT scan ``(slices, depth, width)`` at the size it is stored in.

    A folder of pictures is a volume of one slice a picture, sorted by the numbers in their names;
    so is a file of several pages; a single picture is one B-scan. NIfTI files and arrays hold
    ``(slices, depth, width)``, in this or another order, or one B-scan ``(depth, width)``; a header
    that says where the slices are is heeded. Brightness is brought to 8 bits by one rule for the
    whole scan, `to_bytes`.

    Parameters
    ----------
    axes : tuple of {"slices", "depth", "width"}, optional
        What the axes of volumes in NIfTI files and arrays are, in the order they are stored in.
        Without it they are as above, and an order that cannot be is refused.

    Raises
    ------
    DataError
        Naming the file and the trouble.
    """
    stored = scan_format(path)(path)
    voxels = stored.pixels
    if voxels.ndim == 2:
        voxels = voxels[None]
    elif voxels.ndim == 3 and axes is not None and not stored.told_axes:
        voxels = voxels.transpose([axes.index(axis) for axis in AXES])
    if voxels.ndim != 3 or min(voxels.shape[1:]) < LEAST:
        raise DataError(
            f"{path}: {by(voxels.shape)} pixels; an OCT scan is (slices, depth, width) or "
            f"(depth, width), with at least {LEAST} pixels of depth and width"
        )
    if axes is None and not stored.told_axes:
        _plausible(path, voxels)
    allow_slices(path, len(voxels))
    pixels, guess = in_bytes(voxels, stored.white, path)
    return Opened(pixels, guess, stored.eye)


def load_oct(path: Path, axes: Axes | None = None) -> Pixels:
    """Return the voxels of `open_oct`."""
    return open_oct(path, axes).pixels


def read_oct(path: Path, size: tuple[int, int, int], axes: Axes | None = None) -> Pixels:
    """Return an OCT scan as `resize_oct` brings it to `size`, ``(slices, depth, width)``.

    Raises
    ------
    DataError
        Naming the file and the trouble.
    """
    return resize_oct(load_oct(path, axes), size, path)


def resize_oct(voxels: Pixels, size: tuple[int, int, int], path: Path) -> Pixels:
    """Return a scan resampled to `size`, ``(slices, depth, width)``.

    All axes are interpolated linearly, with antialiasing where they shrink. Only where one slice
    is asked for, it is the middle one, not the mean of all.

    Raises
    ------
    DataError
        If it would take more memory than a scan does, which `path` names.
    """
    slices, depth, width = size
    if slices == 1:
        voxels = voxels[len(voxels) // 2][None]
    allow_array(path, (len(voxels), depth, width), 4)
    planes = np.stack([_resize(plane.astype(np.float32), depth, width) for plane in voxels])
    across = _resize(planes.reshape(len(planes), -1), slices, depth * width)
    return np.rint(across.reshape(size)).clip(0, 255).astype(np.uint8)


def _plausible(path: Path, voxels: NDArray[Any]) -> None:
    """Refuse an order of axes in which there would be many more slices than pixels along one."""
    slices, depth, width = voxels.shape
    if slices > LONGEST * min(depth, width):
        raise DataError(
            f"{path}: {by(voxels.shape)} pixels, which as slices, depth, width are implausible; "
            "data.oct_axes says what the axes are, for instance [depth, width, slices]"
        )


def _resize(plane: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    if plane.shape == (height, width):
        return plane
    resized = Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized)
