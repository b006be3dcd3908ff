from pathlib import Path

import nibabel
import numpy as np
import pytest

from fed.data.brightness import scale_of, to_bytes
from fed.data.images import load_fundus
from fed.data.volumes import load_oct, open_oct
from fed.errors import DataError


@pytest.fixture
def scan() -> np.ndarray:
    """A scan in 8 bits, of mean 51, whose brightest voxel is 255."""
    voxels = np.random.default_rng(0).integers(0, 103, (6, 64, 64)).astype(np.uint8)
    voxels[0, 0, 0] = 255
    return voxels


SPECKS = {
    "a fraction beyond 1": lambda s: np.where(s == 255, 1.0000001, s / 255),
    "a photograph beyond 1": lambda s: (np.where(s == 255, 1.0001, s / 255)).astype(np.float32),
    "16 bits, one voxel at 256": lambda s: np.where(s == 255, np.uint16(256), s),
    "16 bits, one hot voxel": lambda s: np.where(s == 255, np.uint16(65535), s),
    "floats, one voxel at 300": lambda s: np.where(s == 255, 300.0, s),
    "a value for what was masked": lambda s: np.where(s == 255, 3.4e38, s).astype(np.float32),
    "a masked fraction": lambda s: np.where(s == 255, 3.4e38, s / 255).astype(np.float32),
    "ringing below 0": lambda s: np.where(s == 0, -1e-3, s / 255),
}


@pytest.mark.parametrize("kind", SPECKS)
def test_one_voxel_does_not_decide_what_white_is(
    tmp_path: Path, scan: np.ndarray, kind: str
) -> None:
    stored = SPECKS[kind](scan)
    np.save(tmp_path / "scan.npy", stored)
    nibabel.save(nibabel.Nifti1Image(stored, np.eye(4)), tmp_path / "scan.nii")
    for name in ("scan.npy", "scan.nii"):
        read = load_oct(tmp_path / name)
        rest = scan < 255
        np.testing.assert_array_equal(read[rest], scan[rest])
    np.save(tmp_path / "eye.npy", np.repeat(stored[0][..., None], 3, axis=2))
    eye = load_fundus(tmp_path / "eye.npy")[..., 0]
    np.testing.assert_array_equal(eye[scan[0] < 255], scan[0][scan[0] < 255])


def test_many_masked_values_are_black(tmp_path: Path, scan: np.ndarray) -> None:
    stored = np.where(scan > 60, np.finfo(np.float32).max, scan / 255).astype(np.float32)
    np.save(tmp_path / "scan.npy", stored)
    np.testing.assert_array_equal(load_oct(tmp_path / "scan.npy"), np.where(scan > 60, 0, scan))
    np.save(tmp_path / "none.npy", np.full((9, 9), 3.4e38))
    with pytest.raises(DataError, match=r"none\.npy: every value is masked"):
        load_oct(tmp_path / "none.npy")


@pytest.mark.parametrize(
    ("values", "white", "guess"),
    [
        (np.full(2000, 200, np.uint8), 255, None),
        (np.full(2000, 60000, np.uint16), 65535, None),
        (np.full(2000, 30000, np.int16), 32767, None),
        (np.full(2000, 4000, np.uint16), 4095, "uint16 values are taken for 12 bits"),
        (np.full(2000, 200, np.int16), 255, "int16 values are taken for 8 bits"),
        (np.full(2000, 0.5), 1, None),
        (np.full(2000, 200.0), 255, None),
        (np.full(2000, 4000.0), 4095, "float64 values are taken for 12 bits"),
    ],
)
def test_where_the_type_does_not_tell_the_depth_a_guess_is_told(
    values: np.ndarray, white: float, guess: str | None
) -> None:
    scale = scale_of(values, Path("x"))
    assert (scale.black, scale.white, scale.guess) == (0, white, guess)


def test_values_of_no_depth_have_their_own_range_and_it_is_told(tmp_path: Path) -> None:
    scores = np.random.default_rng(0).normal(size=(4, 20, 20))
    scores[0, 0, 0] = 1e6
    np.save(tmp_path / "scan.npy", scores)
    opened = open_oct(tmp_path / "scan.npy")
    assert 100 < opened.pixels.mean() < 155
    assert "black and white are its own" in (opened.guess or "")


def test_a_nifti_header_may_tell_what_white_is(tmp_path: Path) -> None:
    dark = np.linspace(0, 200, 3 * 20 * 20).reshape(3, 20, 20).astype(np.uint16)
    image = nibabel.Nifti1Image(dark, np.eye(4))
    image.header["cal_max"] = 4095
    nibabel.save(image, tmp_path / "scan.nii")
    opened = open_oct(tmp_path / "scan.nii")
    np.testing.assert_array_equal(opened.pixels, np.rint(dark * (255 / 4095)))
    assert opened.guess is None


def test_a_header_beats_the_values() -> None:
    assert to_bytes(np.array([0, 100], np.uint16), Path("x"), white=1000).tolist() == [0, 26]
    assert to_bytes(np.array([0, 2000], np.uint16), Path("x"), white=1000).tolist() == [0, 255]
