"""Which reader a path is for, and what to do with one that nobody reads."""

from pathlib import Path

from fed.data.formats import (
    arrays,
    dicom,
    heidelberg_vol,
    heyex_xml,
    nifti,
    pictures,
    proprietary,
    slices,
)
from fed.data.formats.stored import Format, Stored
from fed.data.limits import regular
from fed.errors import DataError

LOCALIZERS: dict[str, Format] = {
    ".vol": heidelberg_vol.read_localizer,
    ".xml": heyex_xml.read_localizer,
}
"""Files that hold an image from above beside a scan, as if they were folders."""

INSIDE = (".npz", *LOCALIZERS)
"""Files that a path may lead into, as if they were folders."""

READ = (
    "DICOM, NIfTI (.nii, .nii.gz), .npy, .npz, Heidelberg .vol and HEYEX .xml exports, TIFF and "
    "GIF stacks, PNG, JPEG and BMP, folders of such pictures; with fedrima[oct] also .e2e, .fda"
)
ADVICE = {
    ".fds": "export it as DICOM, or as .fda, from the Topcon software",
    ".img": "it has no header; export it as DICOM from the Zeiss software",
    ".oct": "save its B-scans as a TIFF stack",
    ".sdb": "export .vol, XML or DICOM from HEYEX",
    ".pdf": "export the images themselves",
    ".mat": "save the volume as .npy, in the order slices, depth, width",
    ".mha": "convert it to NIfTI, for instance with SimpleITK",
    ".mhd": "convert it to NIfTI, for instance with SimpleITK",
    ".heic": "convert it to PNG or JPEG",
}
"""What helps where a format is not read, by suffix."""


def scan_format(path: Path) -> Format:
    """Return the reader of an OCT scan: pixels ``(slices, depth, width)``, or one B-scan.

    Raises
    ------
    DataError
        If there is no such file, or it is none that is read.
    """
    regular(backing_file(path), path)
    if path.is_dir():
        return heyex_xml.read if heyex_xml.export_in(path) else slices.read
    name = path.name.lower()
    readers: dict[tuple[str, ...], Format] = {
        nifti.SUFFIXES: nifti.read,
        heidelberg_vol.SUFFIXES: heidelberg_vol.read,
        heyex_xml.SUFFIXES: heyex_xml.read,
        proprietary.SUFFIXES: proprietary.read,
        dicom.SUFFIXES: dicom.read_scan,
    }
    if is_array(path):
        return arrays.read
    for suffixes, reader in readers.items():
        if name.endswith(suffixes):
            return reader
    if path.suffix.lower() not in pictures.PICTURES and dicom.is_dicom(path):
        return dicom.read_scan
    return _stack


def photograph_format(path: Path) -> Format:
    """Return the reader of a photograph, or of the image from above that a scan comes with.

    Raises
    ------
    DataError
        If there is no such file.
    """
    file = backing_file(path)
    regular(file, path)
    if is_array(path):
        return arrays.read
    if file != path:
        return _localizer
    if path.suffix.lower() in dicom.SUFFIXES or (
        path.suffix.lower() not in pictures.PICTURES and dicom.is_dicom(path)
    ):
        return dicom.read_photograph
    return _picture


def backing_file(path: Path) -> Path:
    """Return the file or folder that a path is read from: itself, or the file that it leads into.

    ``scan.npz/oct`` is an array of a ``.npz`` file, ``scan.vol/localizer`` the localizer of a scan.
    """
    return path.parent if path.parent.suffix.lower() in INSIDE else path


def is_array(path: Path) -> bool:
    """Whether a path is a ``.npy`` or ``.npz`` file, or names an array in a ``.npz`` file."""
    return backing_file(path).suffix.lower() in arrays.SUFFIXES


def image_files(path: Path) -> list[Path]:
    """Return every file that an image is read from, in the order of its slices.

    Raises
    ------
    DataError
        If a folder or an export cannot be listed.
    """
    if path.is_dir() and heyex_xml.export_in(path):
        return heyex_xml.files(path)
    if path.is_dir():
        return slices.slice_files(path)
    file = backing_file(path)
    return heyex_xml.files(file) if file.suffix.lower() in heyex_xml.SUFFIXES else [file]


def _picture(path: Path) -> Stored:
    try:
        return pictures.read_picture(path)
    except pictures.NotAPictureError as error:
        raise _unknown(path, error) from None


def _stack(path: Path) -> Stored:
    try:
        return pictures.read_stack(path)
    except pictures.NotAPictureError as error:
        raise _unknown(path, error) from None


def _localizer(path: Path) -> Stored:
    file = backing_file(path)
    if path.name != heidelberg_vol.LOCALIZER:
        raise DataError(
            f"{path}: {file.name} holds no {path.name!r}; it has: {heidelberg_vol.LOCALIZER}"
        )
    return LOCALIZERS[file.suffix.lower()](file)


def _unknown(path: Path, error: DataError) -> DataError:
    """Say of a file that is no picture what is read instead; one with a picture's name is broken."""
    if path.suffix.lower() in pictures.PICTURES:
        return error
    advice = ADVICE.get(path.suffix.lower(), "convert it to one of them")
    return DataError(f"{error}; read are {READ}; {advice}")
