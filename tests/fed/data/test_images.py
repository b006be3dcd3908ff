import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fed.data.images import load_fundus, load_picture, read_fundus, to_bytes
from fed.errors import DataError


def write_png16(path: Path, pixels: np.ndarray) -> None:
    """Write a 16-bit colour PNG, which Pillow reads but cannot write."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


@pytest.fixture
def colours() -> np.ndarray:
    return np.random.default_rng(0).integers(40, 256, (24, 24, 3)).astype(np.uint8)


@pytest.mark.parametrize("name", ["eye.png", "eye.tif", "eye.bmp", "EYE.PNG"])
def test_lossless_colour_comes_back_as_written(
    tmp_path: Path, colours: np.ndarray, name: str
) -> None:
    Image.fromarray(colours).save(tmp_path / name)
    read = read_fundus(tmp_path / name, 24)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, colours.transpose(2, 0, 1))


def test_colour_in_16_bits_keeps_the_upper_8(tmp_path: Path, colours: np.ndarray) -> None:
    write_png16(tmp_path / "eye.png", colours.astype(np.uint16) * 256 + 77)
    np.testing.assert_array_equal(load_fundus(tmp_path / "eye.png"), colours)


def test_jpeg_is_close_to_what_was_written(tmp_path: Path) -> None:
    Image.new("RGB", (32, 32), (200, 100, 50)).save(tmp_path / "eye.jpg", quality=95)
    read = read_fundus(tmp_path / "eye.jpg", 16)
    assert np.abs(read.mean(axis=(1, 2)) - [200, 100, 50]).max() < 3


def test_grey_and_arrays_get_three_equal_channels(tmp_path: Path, colours: np.ndarray) -> None:
    grey = colours[..., 0]
    Image.fromarray(grey).save(tmp_path / "eye.png")
    np.save(tmp_path / "eye.npy", grey)
    np.savez(tmp_path / "eye.npz", other=np.zeros(3), slo=grey)
    for path in ("eye.png", "eye.npy", "eye.npz/slo"):
        read = load_fundus(tmp_path / path)
        np.testing.assert_array_equal(read, np.stack([grey] * 3, axis=2))


def test_black_borders_go_and_the_field_keeps_its_shape(tmp_path: Path) -> None:
    frame = np.zeros((100, 160, 3), np.uint8)
    frame[20:80, 50:110] = 200  # a square field of view in a wide black frame
    Image.fromarray(frame).save(tmp_path / "eye.png")
    assert (read_fundus(tmp_path / "eye.png", 30) == 200).all()


def test_a_field_that_is_not_square_is_padded_around_its_centre(tmp_path: Path) -> None:
    Image.new("RGB", (40, 20), (90, 90, 90)).save(tmp_path / "eye.png")
    read = read_fundus(tmp_path / "eye.png", 40)
    assert (read[:, 11:29] == 90).all()
    assert (read[:, :9] == 0).all()
    assert (read[:, 31:] == 0).all()


def test_a_black_photograph_is_read(tmp_path: Path) -> None:
    Image.new("RGB", (30, 20)).save(tmp_path / "eye.png")
    assert not read_fundus(tmp_path / "eye.png", 16).any()


def test_shrinking_is_antialiased(tmp_path: Path) -> None:
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 200
    Image.fromarray(stripes).save(tmp_path / "eye.png")
    assert np.abs(read_fundus(tmp_path / "eye.png", 16)[:, 4:-4, 4:-4].astype(int) - 100).max() < 10


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([0, 128, 255], np.uint16), [0, 128, 255]),
        (np.array([0, 2048, 4095], np.uint16), [0, 128, 255]),
        (np.array([0, 1000], np.int16), [0, 62]),
        (np.array([0, 32768, 65535], np.uint16), [0, 128, 255]),
        (np.array([0.0, 0.5, 1.0]), [0, 128, 255]),
        (np.array([0.0, 100.4, 254.6], np.float32), [0, 100, 255]),
        (np.array([-10.0, 0.0, 10.0]), [0, 128, 255]),
        (np.array([0, 10**6], np.int64), [0, 255]),
        (np.array([False, True]), [0, 255]),
        (np.array([-3.0, -3.0]), [0, 0]),
    ],
)
def test_depth_follows_from_the_brightest_value(values: np.ndarray, expected: list[int]) -> None:
    assert to_bytes(values, Path("x")).tolist() == expected


@pytest.mark.parametrize(
    "values",
    [np.array([0.0, np.nan]), np.array([np.inf]), np.array(["a"]), np.zeros((0, 3))],
)
def test_what_is_not_brightness_is_refused(values: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"scan\.npy"):
        to_bytes(values, Path("scan.npy"))


def test_sixteen_bit_grey_keeps_its_depth(tmp_path: Path) -> None:
    deep = np.arange(0, 64000, 160, dtype=np.uint16).reshape(20, 20)
    Image.fromarray(deep).save(tmp_path / "eye.png")
    np.testing.assert_array_equal(load_picture(tmp_path / "eye.png"), deep)


def test_camera_orientation_is_heeded(tmp_path: Path) -> None:
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:, :16] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # stored turned by 90 degrees
    Image.fromarray(np.rot90(upright).copy()).save(tmp_path / "eye.png", exif=exif)
    np.testing.assert_array_equal(load_picture(tmp_path / "eye.png"), upright)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_a_truncated_picture_is_named(tmp_path: Path, colours: np.ndarray, suffix: str) -> None:
    path = tmp_path / f"eye{suffix}"
    Image.fromarray(np.tile(colours, (8, 8, 1))).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=f"eye{suffix}: damaged or truncated"):
        load_fundus(path)


def test_other_bad_pictures_are_named(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "empty.jpg").write_bytes(b"")
    np.save(tmp_path / "cube.npy", np.zeros((9, 9, 9, 9)))
    for name, trouble in [
        ("text.png", "not an image"),
        ("empty.jpg", "not an image"),
        ("none.png", "No such file"),
        ("cube.npy", "shape"),
        ("none.npz/slo", "No such file"),
    ]:
        with pytest.raises(DataError, match=f"{name}: .*{trouble}"):
            load_fundus(tmp_path / name)
