from pathlib import Path

import eyepy
import numpy as np
import pytest

from fed.data.formats.stored import Eye
from fed.data.images import load_fundus, open_fundus
from fed.data.volumes import load_oct, open_oct
from fed.errors import DataError
from tests.fed.data.formats.clinic import PUBLISHED, needs_published, vol

FILE = "scan.vol"


@pytest.fixture
def scans() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 1, (4, 12, 20)).astype(np.float32)


@pytest.fixture
def localizer() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (16, 24)).astype(np.uint8)


def test_reflectivity_is_shown_after_the_fourth_root(
    tmp_path: Path, scans: np.ndarray, localizer: np.ndarray
) -> None:
    (tmp_path / FILE).write_bytes(vol(scans, localizer))
    opened = open_oct(tmp_path / FILE)
    np.testing.assert_array_equal(opened.pixels, np.rint(255 * scans**0.25))
    assert opened.eye == Eye("L", "patient-7", (0.12, 0.0039, 0.011))
    assert opened.guess is None


def test_what_was_not_measured_is_black(
    tmp_path: Path, scans: np.ndarray, localizer: np.ndarray
) -> None:
    expected = np.rint(255 * scans**0.25)
    scans[1, :3], expected[1, :3] = np.finfo(np.float32).max, 0
    scans[2, 4, 5], expected[2, 4, 5] = np.nan, 0
    (tmp_path / FILE).write_bytes(vol(scans, localizer))
    np.testing.assert_array_equal(load_oct(tmp_path / FILE), expected)


def test_the_localizer_is_a_path_into_the_file(
    tmp_path: Path, scans: np.ndarray, localizer: np.ndarray
) -> None:
    (tmp_path / FILE).write_bytes(vol(scans, localizer, b"OD"))
    opened = open_fundus(tmp_path / FILE / "localizer")
    np.testing.assert_array_equal(opened.pixels[..., 1], localizer)
    assert opened.eye.laterality == "R"
    with pytest.raises(DataError, match=r"scan\.vol holds no 'slo'; it has: localizer"):
        load_fundus(tmp_path / FILE / "slo")


@needs_published
def test_a_file_of_another_writer_is_as_eyepy_reads_it() -> None:
    path = PUBLISHED / "eyepy-test.vol"
    expected = eyepy.import_heyex_vol(path)
    np.testing.assert_array_equal(load_oct(path), expected.data)
    np.testing.assert_array_equal(load_fundus(path / "localizer")[..., 0], expected.localizer.data)


@needs_published
def test_a_file_of_the_machine_itself() -> None:
    opened = open_oct(PUBLISHED / "spectralis-one-scan.vol")
    assert opened.pixels.shape == (1, 496, 768)
    assert opened.eye.laterality == "R"
    assert opened.eye.spacing == pytest.approx((None, 0.00387, 0.0179), abs=1e-4)
    profile = opened.pixels[0].mean(axis=1)
    assert 20 < profile.mean() < 80
    assert profile.max() > 2 * profile.min(), "a bright retina in a dark vitreous"


@pytest.mark.parametrize(
    ("change", "trouble"),
    [
        (lambda b: b[:1000], "damaged or no .vol file"),
        (lambda b: b[:-10], "damaged or truncated"),
        (lambda b: b[:16] + b"\xff\xff\xff\x7f" + b[20:], "slices"),
        (lambda b: b[:12] + b"\0\0\0\0" + b[16:], "a side has"),
        (lambda b: b[:48] + b"\xff\xff\xff\xff" + b[52:], "negative"),
        (lambda b: b[: 2048 + 384 + 12] + b"\xff\xff\xff\xff" + b[2048 + 384 + 16 :], "damaged"),
    ],
)
def test_headers_that_lie_are_refused(
    tmp_path: Path, scans: np.ndarray, localizer: np.ndarray, change, trouble: str
) -> None:
    (tmp_path / FILE).write_bytes(change(vol(scans, localizer)))
    with pytest.raises(DataError, match=rf"scan\.vol: .*{trouble}"):
        load_oct(tmp_path / FILE)
