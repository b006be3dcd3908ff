"""HEYEX XML exports of Spectralis: one ``.xml`` beside the pictures of a localizer and B-scans.

The XML says which picture is which, so a localizer of a B-scan's size is not taken for one. The
paths in it are those of the machine it was written on; only their last part counts, beside the XML.
"""

import re
import xml.etree.ElementTree as Tree
from dataclasses import dataclass
from pathlib import Path

from fed.data.formats.pictures import read_picture
from fed.data.formats.slices import stacked
from fed.data.formats.stored import Eye, Stored, side
from fed.data.limits import MIB, allow_slices, by, reading, regular
from fed.errors import DataError

SUFFIXES = (".xml",)
MOST_XML = 64 * MIB


@dataclass(frozen=True)
class _Picture:
    """A picture of an export."""

    localizer: bool
    file: Path
    shape: tuple[int, int]
    eye: Eye
    start: tuple[float, float] | None


def read(path: Path) -> Stored:
    """Return the B-scans ``(slices, depth, width)`` in the order of the export.

    Parameters
    ----------
    path : Path
        The ``.xml`` file, or the folder that holds it.

    Raises
    ------
    DataError
        Naming the file and what is wrong; also where an export has several volumes.
    """
    xml = export_in(path) or path
    scans = [picture for picture in _pictures(xml) if not picture.localizer]
    allow_slices(xml, len(scans))
    stored = stacked([scan.file for scan in scans])
    for scan in scans:
        _agree(scan, stored.pixels.shape[1:])
    first = scans[0].eye
    eye = Eye(first.laterality, first.patient_id, _spacing(scans))
    return Stored(stored.pixels, stored.white, eye)


def read_localizer(path: Path) -> Stored:
    """Return the image from above ``(height, width)`` that the B-scans were placed on.

    Raises
    ------
    DataError
        Naming the file and what is wrong.
    """
    xml = export_in(path) or path
    localizers = [picture for picture in _pictures(xml) if picture.localizer]
    if len(localizers) != 1:
        raise DataError(f"{xml}: {len(localizers)} localizers; one is expected")
    stored = read_picture(localizers[0].file)
    _agree(localizers[0], stored.pixels.shape[:2])
    return Stored(stored.pixels, stored.white, localizers[0].eye)


def export_in(folder: Path) -> Path | None:
    """Return the XML file of a folder that is an export; None if it has none.

    Raises
    ------
    DataError
        If it has several.
    """
    if not folder.is_dir():
        return None
    found = sorted(f for f in folder.iterdir() if f.suffix.lower() == ".xml" and f.name[0] != ".")
    if len(found) > 1:
        names = ", ".join(file.name for file in found[:3])
        raise DataError(f"{folder}: several XML exports ({names}); name the one that is meant")
    return found[0] if found else None


def files(path: Path) -> list[Path]:
    """Return the XML file and the pictures that a volume is read from.

    Raises
    ------
    DataError
        Naming the file and what is wrong with it.
    """
    xml = export_in(path) or path
    return [xml, *(picture.file for picture in _pictures(xml))]


def _pictures(path: Path) -> list[_Picture]:
    root = _parsed(path)
    series = [found for found in root.iter("Series") if found.find("Image") is not None]
    volumes = [s for s in series if any(_type(image) != "LOCALIZER" for image in s.iter("Image"))]
    if len(volumes) != 1:
        raise DataError(
            f"{path}: {len(volumes)} series with B-scans; an export of one volume is read"
        )
    patient = root.findtext(".//Patient/PatientID") or root.findtext(".//Patient/ID")
    with reading(path):
        return [
            _picture(path, image, volumes[0].findtext("Laterality"), patient)
            for image in volumes[0].iter("Image")
        ]


class _WithoutEntities(Tree.TreeBuilder):
    """Refuses a file that may define entities, in whatever encoding it does so."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        """Be told of a declaration, before anything that it defines is used."""
        raise DataError(f"{self._path}: an XML file that defines entities is not read")


def _parsed(path: Path) -> Tree.Element:
    with reading(path):
        if regular(path) > MOST_XML:
            raise DataError(f"{path}: an XML file of more than {MOST_XML // MIB} MiB is not read")
        root = Tree.fromstring(path.read_bytes(), Tree.XMLParser(target=_WithoutEntities(path)))
    if root.tag != "HEDX":
        raise DataError(f"{path}: not an export of HEYEX (its root is {root.tag[:40]!r})")
    return root


def _picture(
    path: Path, image: Tree.Element, laterality: str | None, patient: str | None
) -> _Picture:
    context = "OphthalmicAcquisitionContext"
    url = image.findtext("ImageData/ExamURL") or ""
    name = re.split(r"[/\\]", url)[-1].strip()
    if name in ("", ".", ".."):
        raise DataError(f"{path}: an image without a file name (ExamURL {url!r})")
    shape = tuple(int(image.findtext(f"{context}/{side}") or 0) for side in ("Height", "Width"))
    scales = [float(image.findtext(f"{context}/{axis}") or 0) for axis in ("ScaleY", "ScaleX")]
    coordinates = [image.findtext(f"{context}/Start/Coord/{axis}") for axis in "XY"]
    start = [float(told) for told in coordinates if told]
    eye = Eye(
        side(image.findtext("Laterality") or laterality), patient, (None, scales[0], scales[1])
    )
    return _Picture(
        _type(image) == "LOCALIZER",
        path.parent / name,
        (shape[0], shape[1]),
        eye,
        (start[0], start[1]) if len(start) == 2 else None,
    )


def _type(image: Tree.Element) -> str:
    return (image.findtext("ImageType/Type") or "").strip().upper()


def _agree(picture: _Picture, found: tuple[int, ...]) -> None:
    """Refuse a picture of another size than the XML says."""
    if all(picture.shape) and found != picture.shape:
        raise DataError(
            f"{picture.file}: {by(found)} pixels, {by(picture.shape)} by the XML beside it"
        )


def _spacing(scans: list[_Picture]) -> tuple[float | None, float, float] | None:
    """Return millimetres between the slices, which the XML tells by where they start."""
    if scans[0].eye.spacing is None:
        return None
    _, depth, width = scans[0].eye.spacing
    starts = [scan.start for scan in scans[:2] if scan.start]
    if len(starts) < 2:
        return None, depth, width
    (x0, y0), (x1, y1) = starts
    return ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5, depth, width
