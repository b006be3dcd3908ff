"""Reading OCT: volumes and single B-scans from any common file, brought to one size.

Whatever the file, axes are in the order slices, depth, width: the slices in the order the scanner
took them, depth from vitreous to choroid, width along a B-scan. Left eyes are not mirrored, and a
scan keeps its whole field: spacing between voxels follows from the size it is brought to.
"""

import gzip
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fed.data.cases import Pixels
from fed.data.images import PICTURES, is_array, load_array, load_picture, reading, to_bytes
from fed.errors import DataError

NIFTI2 = 540
"""Bytes of a NIfTI-2 header, its first number; a NIfTI-1 header has 348."""

LEAST = 8
"""Pixels that depth and width have at least; fewer are colour channels or a mistake."""


def load_oct(path: Path) -> Pixels:
    """Return an OCT scan ``(slices, depth, width)`` at the size it is stored in.

    A folder of pictures is a volume of one slice a picture, sorted by the numbers in their names;
    a single picture is one B-scan. NIfTI files and arrays hold ``(slices, depth, width)`` or one
    B-scan ``(depth, width)``; a NIfTI header that says which axis the slices are on is heeded.
    Brightness is brought to 8 bits by one rule for the whole scan, `to_bytes`.

    Raises
    ------
    DataError
        Naming the file and the trouble.
    """
    voxels = to_bytes(_loader(path)(path), path)
    if voxels.ndim != 3 or min(voxels.shape[1:]) < LEAST:
        raise DataError(
            f"{path}: {_shape(voxels)}; an OCT scan is (slices, depth, width) or "
            f"(depth, width), with at least {LEAST} pixels of depth and width"
        )
    return voxels


def read_oct(path: Path, size: tuple[int, int, int]) -> Pixels:
    """Return an OCT scan resampled to `size`, ``(slices, depth, width)``.

    All axes are interpolated linearly, with antialiasing where they shrink. Only where one slice
    is asked for, it is the middle one, not the mean of all.

    Raises
    ------
    DataError
        Naming the file and the trouble.
    """
    voxels = load_oct(path)
    slices, depth, width = size
    if slices == 1:
        voxels = voxels[len(voxels) // 2][None]
    planes = np.stack([_resize(plane.astype(np.float32), depth, width) for plane in voxels])
    across = _resize(planes.reshape(len(planes), -1), slices, depth * width)
    return np.rint(across.reshape(size)).clip(0, 255).astype(np.uint8)


def slice_files(folder: Path) -> list[Path]:
    """Return the pictures in a folder by the numbers in their names: 2 comes before 10."""
    pictures = [file for file in folder.iterdir() if file.suffix.lower() in PICTURES]
    return sorted((file for file in pictures if not file.name.startswith(".")), key=_numeric)


def _loader(path: Path) -> Callable[[Path], NDArray[Any]]:
    if path.is_dir():
        return _load_folder
    if is_array(path):
        return _load_array
    if path.name.lower().endswith((".nii", ".nii.gz")):
        return _load_nifti
    return _load_bscan


def _load_folder(folder: Path) -> NDArray[Any]:
    files = slice_files(folder)
    if not files:
        raise DataError(f"{folder}: a folder without pictures ({', '.join(sorted(PICTURES))})")
    slices = [load_picture(file, grey=True) for file in files]
    for file, pixels in zip(files, slices, strict=True):
        if pixels.shape != slices[0].shape:
            raise DataError(
                f"{file}: {_shape(pixels)}, but {files[0].name} beside it has "
                f"{_shape(slices[0])}; slices of one volume are of one size"
            )
    return np.stack(slices)


def _load_bscan(path: Path) -> NDArray[Any]:
    return load_picture(path, grey=True)[None]


def _load_array(path: Path) -> NDArray[Any]:
    voxels = load_array(path)
    return voxels[None] if voxels.ndim == 2 else voxels


def _load_nifti(path: Path) -> NDArray[Any]:
    import nibabel  # slow to import, and only this format needs it

    with reading(path):
        stored = path.read_bytes()
        if path.suffix.lower() == ".gz":
            stored = gzip.decompress(stored)  # to the end, where its checksum is
        second = NIFTI2 in (int.from_bytes(stored[:4], order) for order in ("little", "big"))
        image = (nibabel.Nifti2Image if second else nibabel.Nifti1Image).from_bytes(stored)
        voxels = np.asanyarray(image.dataobj)
        axis = image.header.get_dim_info()[2]
    while voxels.ndim > 3 and voxels.shape[-1] == 1:
        voxels = voxels[..., 0]
    if voxels.ndim == 3 and axis is not None:
        voxels = np.moveaxis(voxels, axis, 0)
    elif voxels.ndim == 3 and voxels.shape[2] == 1:
        voxels = voxels.transpose(2, 0, 1)
    return voxels[None] if voxels.ndim == 2 else voxels


def _resize(plane: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    if plane.shape == (height, width):
        return plane
    resized = Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized)


def _numeric(file: Path) -> tuple[list[tuple[int, int | str]], str]:
    parts = re.findall(r"\d+|\D+", file.stem.lower())
    return [(0, int(p)) if p.isdigit() else (1, p) for p in parts], file.name


def _shape(voxels: NDArray[Any]) -> str:
    return " x ".join(str(length) for length in voxels.shape) + " pixels"
