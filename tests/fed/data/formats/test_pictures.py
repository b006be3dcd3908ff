import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from fed.data.formats.pictures import read_picture, read_stack
from fed.data.images import load_fundus
from fed.data.volumes import load_oct
from fed.errors import DataError


@pytest.fixture
def scan() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (6, 12, 20)).astype(np.uint8)


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"bigtiff": True}])
def test_every_page_of_a_tiff_file_is_a_slice(
    tmp_path: Path, scan: np.ndarray, options: dict[str, object]
) -> None:
    tifffile.imwrite(tmp_path / "scan.tif", scan, photometric="minisblack", **options)
    np.testing.assert_array_equal(load_oct(tmp_path / "scan.tif"), scan)


@pytest.mark.parametrize("order", ["<", ">"])
def test_deep_pages_keep_their_depth(tmp_path: Path, scan: np.ndarray, order: str) -> None:
    deep = scan.astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "scan.tif", deep, photometric="minisblack", byteorder=order)
    np.testing.assert_array_equal(read_stack(tmp_path / "scan.tif").pixels, deep)
    np.testing.assert_array_equal(load_oct(tmp_path / "scan.tif"), scan)


def test_every_page_of_a_gif_file_is_a_slice(tmp_path: Path, scan: np.ndarray) -> None:
    first, *others = (Image.fromarray(plane) for plane in scan)
    first.save(tmp_path / "scan.gif", save_all=True, append_images=others)
    np.testing.assert_array_equal(load_oct(tmp_path / "scan.gif"), scan)


def test_a_photograph_is_one_page_and_thumbnails_are_none(tmp_path: Path) -> None:
    colour = np.random.default_rng(1).integers(0, 256, (40, 60, 3)).astype(np.uint8)
    with tifffile.TiffWriter(tmp_path / "eye.tif") as file:
        file.write(colour, photometric="rgb")
        file.write(colour[::4, ::4], photometric="rgb", subfiletype=1)
    np.testing.assert_array_equal(load_fundus(tmp_path / "eye.tif"), colour)
    tifffile.imwrite(tmp_path / "two.tif", np.stack([colour] * 2), photometric="rgb")
    with pytest.raises(DataError, match=r"two\.tif: 2 pages, where one picture is expected"):
        load_fundus(tmp_path / "two.tif")


@pytest.mark.parametrize("other", [np.zeros((12, 21), np.uint8), np.zeros((12, 20), np.uint16)])
def test_pages_that_differ_are_refused(tmp_path: Path, scan: np.ndarray, other: np.ndarray) -> None:
    with tifffile.TiffWriter(tmp_path / "scan.tif") as file:
        file.write(scan[0], photometric="minisblack")
        file.write(other, photometric="minisblack")
    with pytest.raises(DataError, match=r"scan\.tif: page 2 has .*; slices of one volume"):
        load_oct(tmp_path / "scan.tif")


def test_slices_that_imagej_keeps_without_a_page_are_missed(
    tmp_path: Path, scan: np.ndarray
) -> None:
    text = "ImageJ=1.54f\nimages=6\nslices=6\n"
    tifffile.imwrite(tmp_path / "a.tif", scan[0], description=text, metadata=None)
    with pytest.raises(DataError, match=r"a\.tif: 6 slices by its header, 1 that can be read"):
        load_oct(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "b.tif", scan, imagej=True)
    np.testing.assert_array_equal(load_oct(tmp_path / "b.tif"), scan)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, bits: int = 8, rows: bytes = b"", more: bytes = b"") -> bytes:
    """A grey PNG file whose header may lie."""
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + more + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_a_header_may_tell_the_bits_in_use(tmp_path: Path) -> None:
    dark = np.linspace(0, 200, 400).reshape(20, 20).astype(np.uint16)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in dark)
    (tmp_path / "a.png").write_bytes(png(20, 20, 16, rows, chunk(b"sBIT", b"\x0a")))
    tag = (281, "H", 1, 1023, True)
    tifffile.imwrite(tmp_path / "a.tif", dark, photometric="minisblack", extratags=[tag])
    expected = np.rint(dark * (255 / 1023))
    for name in ("a.png", "a.tif"):
        assert read_picture(tmp_path / name).white == 1023
        np.testing.assert_array_equal(load_oct(tmp_path / name)[0], expected)


@pytest.mark.parametrize(
    ("width", "height", "trouble"),
    [
        (60_000, 1, "a side has 1 to 12,000"),
        (1, 11_000, "at most 16 times"),
        (11_000, 11_000, "million"),
        (13_000, 13_000, "a side has"),
        (40_000, 40_000, "more pixels"),
    ],
)
def test_a_small_file_cannot_ask_for_much(
    tmp_path: Path, width: int, height: int, trouble: str
) -> None:
    (tmp_path / "a.png").write_bytes(png(width, height, rows=bytes(1000)))
    for load in (load_fundus, load_oct):
        with pytest.raises(DataError, match=rf"a\.png: .*{trouble}"):
            load(tmp_path / "a.png")


def test_a_stack_of_too_many_pages_is_refused(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for _ in range(1025):
            file.write(np.zeros((8, 8), np.uint8), photometric="minisblack", metadata=None)
    with pytest.raises(DataError, match=r"a\.tif: 1,025 slices; a volume has 1 to 1,024"):
        load_oct(tmp_path / "a.tif")


def test_postscript_is_not_handed_to_a_program_that_runs_it(tmp_path: Path) -> None:
    Image.new("RGB", (20, 20)).save(tmp_path / "eye.eps")
    (tmp_path / "eye.eps").rename(tmp_path / "eye.png")
    with pytest.raises(DataError, match=r"eye\.png: not an image in a known format"):
        load_fundus(tmp_path / "eye.png")
