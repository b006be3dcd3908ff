import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from fed.data.reading import Decoder
from fed.data.volumes import load_oct, read_oct
from fed.errors import DataError


@pytest.fixture
def scan() -> np.ndarray:
    """A volume (slices, depth, width) whose axes cannot be taken for each other."""
    return np.random.default_rng(0).integers(0, 256, (5, 12, 20)).astype(np.uint8)


@pytest.mark.parametrize("name", ["scan.nii", "scan.nii.gz", "scan.npy", "scan.npz"])
def test_a_volume_comes_back_as_written(tmp_path: Path, scan: np.ndarray, name: str) -> None:
    path = tmp_path / name
    if name.endswith(".npy"):
        np.save(path, scan)
    elif name.endswith(".npz"):
        np.savez(path, volume=scan, other=np.zeros(3))
    else:
        nibabel.save(nibabel.Nifti1Image(scan, np.eye(4)), path)
    np.testing.assert_array_equal(load_oct(path), scan)
    np.testing.assert_array_equal(read_oct(path, scan.shape), scan)


def test_a_named_array_of_an_archive(tmp_path: Path, scan: np.ndarray) -> None:
    np.savez_compressed(tmp_path / "eye.npz", label=np.int64(1), oct_bscans=scan)
    np.testing.assert_array_equal(load_oct(tmp_path / "eye.npz" / "oct_bscans"), scan)
    with pytest.raises(DataError, match="no array 'oct'; it has: label; oct_bscans"):
        load_oct(tmp_path / "eye.npz" / "oct")


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_versions_of_nifti(tmp_path: Path, scan: np.ndarray, order: str) -> None:
    for kind in (nibabel.Nifti1Image, nibabel.Nifti2Image):
        header = kind.header_class(endianness=order)
        nibabel.save(kind(scan.astype(np.int16), np.eye(4), header), tmp_path / "scan.nii")
        np.testing.assert_array_equal(load_oct(tmp_path / "scan.nii"), scan)


def test_nifti_header_may_say_where_the_slices_are(tmp_path: Path, scan: np.ndarray) -> None:
    image = nibabel.Nifti1Image(np.moveaxis(scan, 0, 2).copy(), np.eye(4))
    image.header.set_dim_info(slice=2)
    nibabel.save(image, tmp_path / "scan.nii")
    np.testing.assert_array_equal(load_oct(tmp_path / "scan.nii"), scan)


@pytest.mark.parametrize("shape", [(12, 20), (1, 12, 20), (12, 20, 1), (1, 12, 20, 1)])
def test_one_bscan_in_a_nifti_file(tmp_path: Path, scan: np.ndarray, shape: tuple[int]) -> None:
    nibabel.save(nibabel.Nifti1Image(scan[0].reshape(shape), np.eye(4)), tmp_path / "scan.nii")
    np.testing.assert_array_equal(load_oct(tmp_path / "scan.nii"), scan[:1])


def test_nifti_scaling_is_applied(tmp_path: Path, scan: np.ndarray) -> None:
    image = nibabel.Nifti1Image(scan.astype(np.int16), np.eye(4))
    image.header.set_slope_inter(16.0, 0.0)  # 12 bits
    nibabel.save(image, tmp_path / "scan.nii")
    assert np.abs(load_oct(tmp_path / "scan.nii").astype(int) - scan).max() <= 1


def test_slices_of_a_folder_are_in_numeric_order(tmp_path: Path, scan: np.ndarray) -> None:
    for number in (10, 2, 1, 3, 9, 4, 5, 8, 7, 6):  # by name alone 10 would come before 2
        level = np.full((12, 20), number, np.uint8)
        Image.fromarray(level).save(tmp_path / f"{number}_image.png")
    (tmp_path / "notes.txt").write_text("not a slice")
    (tmp_path / "._1_image.png").write_text("not a slice")
    assert load_oct(tmp_path)[:, 0, 0].tolist() == list(range(1, 11))


def test_slices_of_a_folder_share_one_brightness_scale(tmp_path: Path) -> None:
    for number, level in enumerate((16, 1600, 4080)):
        deep = np.full((12, 20), level, np.uint16)
        Image.fromarray(deep).save(tmp_path / f"{number}.png")
    assert load_oct(tmp_path)[:, 0, 0].tolist() == [1, 100, 254]


def test_one_bscan_as_a_jpeg_in_colour(tmp_path: Path) -> None:
    Image.new("RGB", (40, 16), (120, 120, 120)).save(tmp_path / "scan.jpg", quality=95)
    voxels = read_oct(tmp_path / "scan.jpg", (1, 32, 64))
    assert voxels.shape == (1, 32, 64)
    assert voxels.dtype == np.uint8
    assert np.abs(voxels.astype(int) - 120).max() <= 2


def test_resampling_keeps_a_linear_ramp_along_every_axis(tmp_path: Path) -> None:
    for axis in range(3):
        ramp = np.arange(0, 240, 10, dtype=np.uint8)
        volume = np.broadcast_to(
            np.expand_dims(ramp, [a for a in range(3) if a != axis]), (24, 24, 24)
        )
        np.save(tmp_path / "scan.npy", volume)
        voxels = np.moveaxis(read_oct(tmp_path / "scan.npy", (12, 12, 12)), axis, 0)
        assert (voxels == voxels[:, :1, :1]).all()
        np.testing.assert_allclose(np.diff(voxels[1:-1, 0, 0].astype(int)), 20, atol=1)


def test_one_slice_of_a_volume_is_the_middle_one(tmp_path: Path, scan: np.ndarray) -> None:
    np.save(tmp_path / "scan.npy", scan)
    np.testing.assert_array_equal(read_oct(tmp_path / "scan.npy", (1, 12, 20))[0], scan[2])


def test_one_bscan_where_a_volume_is_asked_for_is_repeated(
    tmp_path: Path, scan: np.ndarray
) -> None:
    np.save(tmp_path / "scan.npy", scan[0])
    voxels = read_oct(tmp_path / "scan.npy", (4, 12, 20))
    np.testing.assert_array_equal(voxels, np.repeat(scan[:1], 4, axis=0))


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".npy", ".npz"])
def test_a_truncated_volume_is_named(tmp_path: Path, scan: np.ndarray, suffix: str) -> None:
    path = tmp_path / f"scan{suffix}"
    volume = np.tile(scan, (4, 4, 4))
    if suffix == ".npy":
        np.save(path, volume)
    elif suffix == ".npz":
        np.savez(path, volume)
    else:
        nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=f"scan{suffix}: damaged or truncated"):
        load_oct(path)


def test_a_flipped_byte_in_a_compressed_volume_is_found(tmp_path: Path, scan: np.ndarray) -> None:
    path = tmp_path / "scan.nii.gz"
    nibabel.save(nibabel.Nifti1Image(scan, np.eye(4)), path)
    raw = bytearray(gzip.decompress(path.read_bytes()))
    packed = bytearray(gzip.compress(bytes(raw), compresslevel=0))
    packed[-40] ^= 0xFF
    path.write_bytes(bytes(packed))
    with pytest.raises(DataError, match="damaged or truncated"):
        load_oct(path)


def test_other_bad_scans_are_named(tmp_path: Path) -> None:
    np.save(tmp_path / "nan.npy", np.full((9, 9), np.nan))
    np.save(tmp_path / "four.npy", np.zeros((2, 9, 9, 9)))
    np.save(tmp_path / "colour.npy", np.zeros((9, 9, 3)))
    np.save(tmp_path / "objects.npy", np.array([{}, {}]), allow_pickle=True)
    (tmp_path / "text.nii").write_text("not a volume")
    (tmp_path / "folder").mkdir()
    (tmp_path / "uneven").mkdir()
    Image.new("L", (20, 12)).save(tmp_path / "uneven" / "1.png")
    Image.new("L", (20, 13)).save(tmp_path / "uneven" / "2.png")
    for name, trouble in [
        ("nan.npy", "NaN"),
        ("four.npy", "2 x 9 x 9 x 9"),
        ("colour.npy", "9 x 9 x 3"),
        ("objects.npy", "damaged"),
        ("text.nii", "damaged"),
        ("folder", "without pictures"),
        ("uneven", "2.png: 13 x 20 pixels, but 1.png"),
        ("none.nii", "none.nii"),
        ("none.jpg", "No such file"),
    ]:
        with pytest.raises(DataError, match=trouble) as caught:
            load_oct(tmp_path / name)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["scan.npy", "scan.nii"])
@pytest.mark.parametrize(
    "axes",
    [
        ("slices", "depth", "width"),
        ("depth", "width", "slices"),
        ("width", "slices", "depth"),
        ("depth", "slices", "width"),
    ],
)
def test_axes_of_a_volume_can_be_said(
    tmp_path: Path, scan: np.ndarray, name: str, axes: tuple[str, str, str]
) -> None:
    stored = scan.transpose([("slices", "depth", "width").index(axis) for axis in axes])
    if name == "scan.npy":
        np.save(tmp_path / name, stored)
    else:
        nibabel.save(nibabel.Nifti1Image(stored, np.eye(4)), tmp_path / name)
    np.testing.assert_array_equal(load_oct(tmp_path / name, axes), scan)
    decoder = Decoder(16, scan.shape, axes)
    np.testing.assert_array_equal(decoder.read("oct", tmp_path / name), scan)
    assert decoder.identity("oct") != Decoder(16, scan.shape).identity("oct")
    assert decoder.identity("fundus") == Decoder(16, scan.shape).identity("fundus")


def test_said_axes_are_those_of_volumes_that_do_not_say_them(
    tmp_path: Path, scan: np.ndarray
) -> None:
    np.save(tmp_path / "bscan.npy", scan[0])
    image = nibabel.Nifti1Image(np.moveaxis(scan, 0, 2).copy(), np.eye(4))
    image.header.set_dim_info(slice=2)
    nibabel.save(image, tmp_path / "scan.nii")
    said = ("width", "depth", "slices")
    np.testing.assert_array_equal(load_oct(tmp_path / "bscan.npy", said), scan[:1])
    np.testing.assert_array_equal(load_oct(tmp_path / "scan.nii", said), scan)


@pytest.mark.parametrize("shape", [(64, 128, 9), (128, 9, 64), (200, 50, 60)])
def test_an_order_of_axes_that_cannot_be_is_refused(
    tmp_path: Path, shape: tuple[int, int, int]
) -> None:
    np.save(tmp_path / "scan.npy", np.zeros(shape, np.uint8))
    words = f"{' x '.join(map(str, shape))} pixels, which as slices, depth, width are implausible"
    with pytest.raises(DataError, match=rf"scan\.npy: {words}; data\.oct_axes"):
        load_oct(tmp_path / "scan.npy")
    assert load_oct(tmp_path / "scan.npy", ("slices", "depth", "width")).shape == shape
