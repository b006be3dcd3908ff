"""Files of every format that is read, damaged at random: refused in one line, soon, in little memory."""

import resource
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import nibabel
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.uid import RLELossless

from fed.data.reading import Decoder
from fed.errors import DataError
from tests.fed.data.formats import clinic
from tests.fed.data.formats.test_dicom import encoded
from tests.fed.data.formats.test_heyex_xml import export, images, series

SECONDS, MIB = 10, 2048
"""What one file may take."""

SCAN = np.random.default_rng(0).integers(0, 256, (4, 16, 24)).astype(np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 256, (24, 30, 3)).astype(np.uint8)


def _dicom(path: Path, kind: str | None = None) -> None:
    data = clinic.dicom(np.tile(SCAN, (1, 4, 4)), clinic.TOMOGRAPHY)
    if kind == "RLE":
        data.compress(RLELossless)
    elif kind:
        syntax, options = {
            "JPEG": ("1.2.840.10008.1.2.4.50", {}),
            "JPEG2000": ("1.2.840.10008.1.2.4.90", {"irreversible": False, "no_jp2": True}),
        }[kind]
        data.PixelData = encoded(np.tile(SCAN, (1, 4, 4)), kind, **options)
        data["PixelData"].VR, data["PixelData"].is_undefined_length = "OB", True
        data.file_meta.TransferSyntaxUID = syntax
    clinic.save(data, path)


def _gif(path: Path) -> None:
    first, *others = (Image.fromarray(plane) for plane in SCAN)
    first.save(path, save_all=True, append_images=others)


WHOLE: dict[str, Callable[[Path], object]] = {
    "grey.png": lambda path: Image.fromarray(SCAN[0]).save(path),
    "deep.png": lambda path: Image.fromarray(SCAN[0].astype(np.uint16) * 257).save(path),
    "colour.png": lambda path: Image.fromarray(COLOUR).save(path),
    "colour.jpg": lambda path: Image.fromarray(COLOUR).save(path),
    "progressive.jpg": lambda path: Image.fromarray(COLOUR).save(path, progressive=True),
    "colour.bmp": lambda path: Image.fromarray(COLOUR).save(path),
    "stack.tif": lambda path: tifffile.imwrite(path, SCAN, photometric="minisblack"),
    "packed.tif": lambda path: tifffile.imwrite(
        path, SCAN, photometric="minisblack", compression="zlib"
    ),
    "stack.gif": _gif,
    "scan.npy": lambda path: np.save(path, SCAN.astype(np.float32)),
    "scan.npz": lambda path: np.savez(path, SCAN),
    "packed.npz": lambda path: np.savez_compressed(path, SCAN),
    "scan.nii": lambda path: nibabel.save(nibabel.Nifti1Image(SCAN, np.eye(4)), path),
    "two.nii": lambda path: nibabel.save(nibabel.Nifti2Image(SCAN, np.eye(4)), path),
    "scan.nii.gz": lambda path: nibabel.save(nibabel.Nifti1Image(SCAN, np.eye(4)), path),
    "scan.dcm": _dicom,
    "rle.dcm": lambda path: _dicom(path, "RLE"),
    "jpeg.dcm": lambda path: _dicom(path, "JPEG"),
    "jpeg2000.dcm": lambda path: _dicom(path, "JPEG2000"),
    "export.xml": lambda path: path.write_text(export(series(images(1)))),
    "scan.vol": lambda path: path.write_bytes(clinic.vol(SCAN / 255, SCAN[0])),
}


@cache
def whole(name: str) -> bytes:
    """The bytes of a good file."""
    with TemporaryDirectory() as folder:
        WHOLE[name](Path(folder) / name)
        return (Path(folder) / name).read_bytes()


LARGE = [struct.pack(form, number) for form in ("<h", ">h", "<i", ">i", "<q") for number in
         (-1, 0, 255, 30_000)] + [b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f"]  # fmt: skip
"""What a header may claim."""

place = st.one_of(st.integers(0, 400), st.integers(0, 100_000))  # mostly in the header
change = st.tuples(place, st.one_of(st.binary(min_size=1, max_size=4), st.sampled_from(LARGE)))
damage = st.tuples(
    st.sampled_from(sorted(WHOLE)),
    st.lists(change, max_size=6),
    st.one_of(st.none(), st.integers(0, 3000)),
)


def damaged(name: str, changes: Sequence[tuple[int, bytes]], end: int | None) -> bytes:
    content = bytearray(whole(name))
    for at, new in changes:
        at %= len(content)
        content[at : at + len(new)] = new
    return bytes(content[:end])


def read_all(folder: Path, name: str, content: bytes) -> None:
    """Read a file as a photograph and as a scan, in time."""
    path = folder / name
    path.write_bytes(content)
    decoder = Decoder(16, (2, 16, 16))
    for modality in ("fundus", "oct"):
        started = time.monotonic()
        trouble = ""
        try:
            decoder.examine(modality, path)
        except DataError as error:
            trouble = str(error)
        assert not trouble or name in trouble
        assert "\n" not in trouble
        assert time.monotonic() - started < SECONDS


@given(damage)
@settings(max_examples=150, deadline=None, derandomize=True,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
def test_a_damaged_file_is_read_or_refused_in_one_line(tmp_path: Path, damage) -> None:
    read_all(tmp_path, damage[0], damaged(*damage))


@pytest.mark.parametrize("name", [name for name in WHOLE if not name.endswith(".xml")])
def test_the_files_that_are_damaged_are_good_ones(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(whole(name))
    modality = "fundus" if "colour" in name or "jpg" in name else "oct"
    assert Decoder(16, (2, 16, 16)).read(modality, tmp_path / name).any()


def many(count: int) -> None:
    """Damage and read `count` files; more memory than allowed is an error."""

    @given(damage)
    @settings(max_examples=count, deadline=None, database=None, derandomize=True)
    def each(damage) -> None:
        read_all(folder, damage[0], damaged(*damage))

    with TemporaryDirectory() as name:
        folder = Path(name)
        each()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{count} files, {peak:.0f} MiB at most")
    assert peak < MIB


@pytest.mark.slow
def test_a_thousand_damaged_files_take_little_memory() -> None:
    command = "from tests.fed.data.test_damaged_files import many; many(1000)"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def largest(folder: Path) -> list[tuple[str, Path]]:
    """The largest images that are read, in few bytes where their format packs them."""
    wide = np.zeros((5592, 12_000), np.uint8)
    Image.fromarray(wide).convert("RGB").save(folder / "eye.png")
    Image.fromarray(np.full((8192, 8192), 128, np.uint8)).convert("RGB").save(folder / "eye.jpg")
    volume = np.zeros((1024, 512, 1024), np.uint8)
    np.savez_compressed(folder / "scan.npz", volume)
    np.savez_compressed(folder / "deep.npz", np.zeros((512, 512, 1024), np.uint16))
    np.savez_compressed(folder / "real.npz", np.zeros((512, 512, 512), np.float32))
    return [("fundus", folder / "eye.png"), ("fundus", folder / "eye.jpg"),
            *(("oct", folder / f"{name}.npz") for name in ("scan", "deep", "real"))]  # fmt: skip


@pytest.mark.slow
def test_the_largest_images_take_less_memory_and_time_than_is_allowed(tmp_path: Path) -> None:
    for modality, path in largest(tmp_path):
        command = (
            "import resource, sys, time; from pathlib import Path\n"
            "from fed.data.reading import Decoder\n"
            "started = time.monotonic()\n"
            f"Decoder(384, (32, 96, 96)).examine({modality!r}, Path({str(path)!r}))\n"
            "print(time.monotonic() - started, "
            "resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
        )
        done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        seconds, peak = map(float, done.stdout.split())
        print(path.name, seconds, peak)
        assert seconds < SECONDS
        assert peak < MIB
