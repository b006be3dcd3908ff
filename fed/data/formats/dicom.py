"""DICOM: ophthalmic photography and tomography, multi-frame, compressed or not (PS3.3 A.41, A.52).

Bits that are in use, laterality, patient, spacing and the order of frames come from the tags.
Frames are in the order of where they lie, not of their numbers.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fed.data.formats.stored import Eye, Stored, side
from fed.data.limits import allow_picture, long_enough, reading
from fed.errors import DataError

SUFFIXES = (".dcm", ".dicom")

MAGIC, MAGIC_AT = b"DICM", 128

Kind = Literal["photograph", "scan"]
KINDS: dict[str, Kind] = {
    "1.2.840.10008.5.1.4.1.1.77.1.5.1": "photograph",
    "1.2.840.10008.5.1.4.1.1.77.1.5.2": "photograph",
    "1.2.840.10008.5.1.4.1.1.77.1.5.4": "scan",
}
"""Ophthalmic photography in 8 and 16 bits and tomography, by class; other images may be either."""

NATIVE = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2")
"""Transfer syntaxes of pixels that are not compressed."""

DEFLATED = "1.2.840.10008.1.2.1.99"
"""Transfer syntax whose tags, too, are compressed."""

SIDES = ("ImageLaterality", "Laterality", "FrameLaterality")


def read_photograph(path: Path) -> Stored:
    """Return the only frame, ``(height, width)`` or ``(height, width, 3)`` in RGB.

    Raises
    ------
    DataError
        Naming the file and what is wrong; also for a tomography scan.
    """
    frames, white, eye = _read(path, "photograph")
    if len(frames) != 1:
        raise DataError(f"{path}: {len(frames)} frames, where one photograph is expected")
    return Stored(frames[0], white, eye)


def read_scan(path: Path) -> Stored:
    """Return the frames ``(slices, depth, width)``, by their positions.

    Raises
    ------
    DataError
        Naming the file and what is wrong; also for a photograph.
    """
    frames, white, eye = _read(path, "scan")
    return Stored(_grey(frames) if frames.ndim == 4 else frames, white, eye)


def is_dicom(path: Path) -> bool:
    """Whether a file says that it is one, whatever its name."""
    with reading(path), path.open("rb") as file:
        file.seek(MAGIC_AT)
        return file.read(len(MAGIC)) == MAGIC


def _read(path: Path, kind: Kind) -> tuple[NDArray[Any], float, Eye]:
    """Return frames ``(frames, height, width[, 3])``, what white is stored as, and the eye."""
    import pydicom  # slow to import, and only this format needs it
    from pydicom.pixels.processing import apply_color_lut
    from pydicom.pixels.utils import pixel_array

    with reading(path):
        syntax = pydicom.filereader.read_file_meta_info(path).get("TransferSyntaxUID")
        if syntax == DEFLATED:  # pydicom unpacks all at once, a thousand times the file's size
            raise DataError(
                f"{path}: compressed as {syntax.name}, which is not read; export it uncompressed, "
                "as JPEG 2000 or RLE"
            )
        data = pydicom.dcmread(path)
        _allow(path, data, kind)
        bits, signed = int(data.BitsStored), bool(data.get("PixelRepresentation", 0))
        white = float((1 << (bits - signed)) - 1)
        try:
            frames = pixel_array(data)
        except (NotImplementedError, RuntimeError) as error:
            raise DataError(f"{path}: {_undecodable(data, error)}") from None
        if data.PhotometricInterpretation == "PALETTE COLOR":
            frames, white = apply_color_lut(frames, data), _palette_white(data)
        count, colour = int(data.get("NumberOfFrames", 1) or 1), frames.shape[-1:] == (3,)
        frames = frames.reshape(count, int(data.Rows), int(data.Columns), *([3] if colour else []))
        if data.PhotometricInterpretation == "MONOCHROME1":
            frames = (white - frames.astype(np.int64)).clip(0).astype(frames.dtype)
        groups = list(data.get("PerFrameFunctionalGroupsSequence", ()))
        order = _order(groups) if len(groups) == count else None
        return frames if order is None else frames[order], white, _eye(data, groups)


def _allow(path: Path, data: Any, kind: Kind) -> None:
    """Check the tags that the pixels are found by, before any pixel is decoded."""
    is_a = KINDS.get(str(data.get("SOPClassUID", "")))
    if is_a not in (None, kind):
        raise DataError(f"{path}: an ophthalmic {is_a}, where a {kind} is expected")
    wanted = ("Rows", "Columns", "BitsStored", "BitsAllocated", "PhotometricInterpretation")
    missing = [name for name in (*wanted, "PixelData") if name not in data]
    if missing:
        raise DataError(f"{path}: no image: it has no {', '.join(missing)}")
    frames, samples = int(data.get("NumberOfFrames", 1) or 1), int(data.get("SamplesPerPixel", 1))
    allocated, stored = int(data.BitsAllocated), int(data.BitsStored)
    if not 1 <= stored <= allocated <= 32 or samples not in (1, 3):
        raise DataError(
            f"{path}: {stored} of {allocated} bits and {samples} samples a pixel; 1 to 32 bits and "
            "1 or 3 samples are read"
        )
    rows, columns = int(data.Rows), int(data.Columns)
    allow_picture(path, columns, rows, frames, samples * -(-allocated // 8))
    if str(data.file_meta.get("TransferSyntaxUID", "")) in NATIVE:
        sampled = 2 if str(data.PhotometricInterpretation).endswith("422") else samples
        long_enough(path, rows * columns * frames * sampled * allocated // 8)


def _undecodable(data: Any, error: Exception) -> str:
    syntax = data.file_meta.TransferSyntaxUID
    if "dependencies" in str(error) or isinstance(error, NotImplementedError):
        return (
            f"compressed as {syntax.name}, which nothing installed decodes; "
            "pip install 'fedrima[dicom]', or export it uncompressed, as JPEG 2000 or RLE"
        )
    return f"damaged or truncated (its {syntax.name} pixels cannot be decoded)"


def _palette_white(data: Any) -> float:
    return float((1 << int(data.RedPaletteColorLookupTableDescriptor[2])) - 1)


def _grey(frames: NDArray[Any]) -> NDArray[Any]:
    """Return the luma of RGB frames (ITU-R BT.601), in their own depth."""
    luma = frames.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    return np.rint(luma).astype(frames.dtype)


def _order(groups: Sequence[Any]) -> NDArray[np.int64] | None:
    """Return the order of the frames by where they lie; None where nothing tells them apart.

    What is told first counts: positions in the patient, where the frames lie on the localizer
    (ascending along the axis on which they differ most), places in a stack.
    """
    for place in (_in_patient, _on_localizer, _in_stack):
        told = [place(group) for group in groups]
        if any(where is None for where in told):
            continue
        places = np.array(told, dtype=np.float64)
        axis = int(np.ptp(places, axis=0).argmax())
        if len(np.unique(places[:, axis])) == len(places):
            return np.argsort(places[:, axis], kind="stable")
    return None


def _in_patient(group: Any) -> list[float] | None:
    position = _first(group, "PlanePositionSequence").get("ImagePositionPatient")
    return [float(value) for value in position] if position else None


def _on_localizer(group: Any) -> list[float] | None:
    """Return the middle of a B-scan, row and column; its two ends are given."""
    ends = _first(group, "OphthalmicFrameLocationSequence").get("ReferenceCoordinates")
    if not ends or len(ends) != 4:
        return None
    return [float(ends[0]) + float(ends[2]), float(ends[1]) + float(ends[3])]


def _in_stack(group: Any) -> list[float] | None:
    number = _first(group, "FrameContentSequence").get("InStackPositionNumber")
    return None if number is None else [float(number)]


def _first(data: Any, sequence: str) -> Any:
    items = data.get(sequence)
    return items[0] if items else {}


def _eye(data: Any, groups: Sequence[Any]) -> Eye:
    shared = _first(data, "SharedFunctionalGroupsSequence")
    first = groups[0] if groups else {}
    everywhere = [data, *_anatomy(shared), *_anatomy(first)]
    told = [side(place.get(name)) for place in everywhere for name in SIDES]
    patient = str(data.get("PatientID", "") or "").strip()
    return Eye(next(filter(None, told), None), patient or None, _spacing(data, shared, first))


def _anatomy(group: Any) -> Iterator[Any]:
    if group:
        yield _first(group, "FrameAnatomySequence")


def _spacing(data: Any, shared: Any, first: Any) -> tuple[float | None, float, float] | None:
    """Return millimetres between slices, rows and columns, from wherever they are told."""
    for place in (*(_first(group, "PixelMeasuresSequence") for group in (shared, first)), data):
        pixels = place.get("PixelSpacing")
        if pixels and len(pixels) == 2:
            between = place.get("SpacingBetweenSlices") or place.get("SliceThickness")
            return (float(between) if between else None, float(pixels[0]), float(pixels[1]))
    return None
