"""Clinic files that tests write with independent libraries, and the few that are published."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

TOMOGRAPHY = "1.2.840.10008.5.1.4.1.1.77.1.5.4"
PHOTOGRAPHY_8 = "1.2.840.10008.5.1.4.1.1.77.1.5.1"
PHOTOGRAPHY_16 = "1.2.840.10008.5.1.4.1.1.77.1.5.2"

PUBLISHED = Path(__file__).parents[5] / "shared" / "data" / "clinic-files"
needs_published = pytest.mark.skipif(
    not PUBLISHED.is_dir(), reason="no ../shared/data/clinic-files beside the checkout"
)


def dicom(pixels: np.ndarray, kind: str, bits: int | None = None, **tags: Any) -> Dataset:
    """A DICOM image of grey frames ``(frames, height, width)``, or of RGB with 3 channels last."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = kind
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = "1.2.3.4"
    data.SOPClassUID = kind
    colour = pixels.shape[-1] == 3
    frames = pixels if pixels.ndim == 3 + colour else pixels[None]
    data.NumberOfFrames, data.Rows, data.Columns = frames.shape[:3]
    data.SamplesPerPixel = 3 if colour else 1
    data.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        data.PlanarConfiguration = 0
    data.BitsAllocated = 8 * pixels.itemsize
    data.BitsStored = bits or data.BitsAllocated
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, 0
    data.PixelData = frames.tobytes() + b"\0" * (frames.nbytes % 2)
    for name, value in tags.items():
        setattr(data, name, value)
    return data


def group(**sequences: Any) -> Dataset:
    """Functional groups of a frame: a sequence of one item by name, with its tags."""
    data = Dataset()
    for name, tags in sequences.items():
        item = Dataset()
        for tag, value in tags.items():
            setattr(item, tag, value)
        setattr(data, name, Sequence([item]))
    return data


def save(data: Dataset, path: Path) -> Path:
    pydicom.dcmwrite(path, data, enforce_file_format=True)
    return path


def vol(scans: np.ndarray, localizer: np.ndarray, side: bytes = b"OS", header: int = 256) -> bytes:
    """A Heidelberg file, from its published description: floats ``(slices, depth, width)``."""
    slices, depth, width = scans.shape
    start = struct.pack(
        "<12s3i3d2i2di", b"HSF-OCT-103", width, slices, depth, 0.011, 0.12, 0.0039,
        *localizer.shape[::-1], 0.01, 0.01, 30,
    )  # fmt: skip
    start = start.ljust(84, b"\0") + side.ljust(4, b"\0") + struct.pack("<qii", 0, 3, header)
    start = start.ljust(140, b"\0") + b"patient-7"
    body = b"".join(
        struct.pack("<12si", b"HSF-BS-103", header).ljust(header, b"\0") + scan.tobytes()
        for scan in scans.astype("<f4")
    )
    return start.ljust(2048, b"\0") + localizer.astype(np.uint8).tobytes() + body
