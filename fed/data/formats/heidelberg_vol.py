"""Heidelberg ``.vol``, the raw export of Spectralis: header, localizer, B-scans of float32.

All is little-endian: a header of 2,048 bytes, the scanning laser image, then a header and the
pixels a B-scan (Heidelberg Engineering, Special Function: Exporting Raw Data, HSF-OCT-103).
Pixels are reflectivity in [0, 1]; as the manufacturer's display does, they are shown after the
fourth root. Values above 1e30 were not measured, and are black.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fed.data.brightness import MASKED
from fed.data.formats.stored import Eye, Stored, side
from fed.data.limits import allow_picture, long_enough, reading
from fed.errors import DataError

SUFFIXES = (".vol",)
LOCALIZER = "localizer"
"""What the image from above is called inside a file: ``scan.vol/localizer``."""

HEADER = 2048
SCAN = struct.Struct("<12si")
"""How a B-scan's header begins: version, and its own size, which alone is right in all files."""
GEOMETRY = struct.Struct("<12s3i3d2i2d")
"""Version; width, scans, depth; their spacings; the localizer's width, height and spacings."""
EYE = struct.Struct("<4s8sii16s16si21s")
"""From byte 84: side, time, pattern, size of a B-scan's header, two ids, number and patient."""
EYE_AT = 84


@dataclass(frozen=True)
class _Header:
    """The part of a file's header that its pixels are found by."""

    slices: int
    depth: int
    width: int
    localizer: tuple[int, int]
    eye: Eye

    @property
    def scans_at(self) -> int:
        """Byte at which the first B-scan's header begins."""
        return HEADER + self.localizer[0] * self.localizer[1]


def read(path: Path) -> Stored:
    """Return the B-scans ``(slices, depth, width)``, as they are shown, in the order of the file.

    Raises
    ------
    DataError
        Naming the file and what is wrong.
    """
    with reading(path), path.open("rb") as file:
        header = _header(path, file.read(HEADER))
        volume = np.empty((header.slices, header.depth, header.width), np.float32)
        at = header.scans_at
        for plane in volume:
            file.seek(at)
            _, size = SCAN.unpack(file.read(SCAN.size))
            if size < SCAN.size:
                raise DataError(f"{path}: damaged (a B-scan's header of {size} bytes)")
            long_enough(path, at + size + plane.nbytes)
            file.seek(at + size)
            stored = np.frombuffer(file.read(plane.nbytes), "<f4").reshape(plane.shape)
            at += size + plane.nbytes
            measured = np.isfinite(stored) & (stored < MASKED)
            plane[...] = np.where(measured, stored, 0).clip(0, 1) ** 0.25
    return Stored(volume, 1.0, header.eye)


def read_localizer(path: Path) -> Stored:
    """Return the scanning laser image ``(height, width)`` that the B-scans were placed on.

    Raises
    ------
    DataError
        Naming the file and what is wrong.
    """
    with reading(path), path.open("rb") as file:
        header = _header(path, file.read(HEADER))
        height, width = header.localizer
        allow_picture(path, width, height)
        pixels = np.frombuffer(file.read(height * width), np.uint8).reshape(height, width)
    return Stored(pixels, None, header.eye)


def _header(path: Path, stored: bytes) -> _Header:
    """Parse a header, and make sure that the file is as long as it says."""
    if len(stored) < HEADER:
        raise DataError(f"{path}: damaged or no .vol file ({len(stored):,} bytes)")
    _, width, slices, depth, across, between, down, *localizer = GEOMETRY.unpack_from(stored)
    eye, *_, patient = EYE.unpack_from(stored, EYE_AT)
    allow_picture(path, width, depth, slices, 4)
    high, wide = localizer[1], localizer[0]
    if high < 0 or wide < 0:
        raise DataError(f"{path}: damaged or no .vol file (negative sizes in its header)")
    header = _Header(
        slices,
        depth,
        width,
        (high, wide),
        Eye(
            side(eye.decode("latin-1")),
            patient.split(b"\0")[0].decode("latin-1").strip() or None,
            (between if slices > 1 else None, down, across),
        ),
    )
    long_enough(path, header.scans_at + slices * (SCAN.size + 4 * depth * width))
    return header
