import io
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

from fed.data.formats.stored import Eye
from fed.data.images import load_fundus, open_fundus
from fed.data.volumes import load_oct, open_oct
from fed.errors import DataError
from tests.fed.data.formats.clinic import (
    PHOTOGRAPHY_8,
    PHOTOGRAPHY_16,
    TOMOGRAPHY,
    dicom,
    group,
    save,
)


@pytest.fixture
def scan() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 12, 20)).astype(np.uint8)


@pytest.fixture
def photograph() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (18, 24, 3)).astype(np.uint8)


def test_a_photograph_with_what_its_tags_tell(tmp_path: Path, photograph: np.ndarray) -> None:
    tags = {"ImageLaterality": "L", "PatientID": " p7 ", "PixelSpacing": [0.01, 0.02]}
    path = save(dicom(photograph, PHOTOGRAPHY_8, **tags), tmp_path / "eye.dcm")
    opened = open_fundus(path)
    np.testing.assert_array_equal(opened.pixels, photograph)
    assert opened.eye == Eye("L", "p7", (None, 0.01, 0.02))
    assert opened.guess is None


def test_a_file_is_known_by_its_content_where_its_name_tells_nothing(
    tmp_path: Path, photograph: np.ndarray, scan: np.ndarray
) -> None:
    np.testing.assert_array_equal(
        load_fundus(save(dicom(photograph, PHOTOGRAPHY_8), tmp_path / "1.2.840.7")), photograph
    )
    np.testing.assert_array_equal(
        load_oct(save(dicom(scan, TOMOGRAPHY), tmp_path / "IM0001")), scan
    )


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_the_bits_in_use_say_what_white_is_however_dark_the_image(
    tmp_path: Path, bits: int
) -> None:
    dark = np.linspace(0, 200, 400).reshape(20, 20).astype(np.uint16)
    path = save(dicom(dark, PHOTOGRAPHY_16, bits), tmp_path / "eye.dcm")
    expected = np.rint(dark * (255 / (2**bits - 1)))
    np.testing.assert_array_equal(load_fundus(path)[..., 0], expected)


def test_white_may_be_stored_as_zero(tmp_path: Path, scan: np.ndarray) -> None:
    data = dicom(255 - scan, TOMOGRAPHY, PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(load_oct(save(data, tmp_path / "a.dcm")), scan)


POSITIONS = {
    "in the patient": lambda i: group(
        PlanePositionSequence={"ImagePositionPatient": [1.0, 2.0 + 0.2 * i, 3.0]},
        FrameContentSequence={"InStackPositionNumber": 9 - i},
    ),
    "on the localizer": lambda i: group(
        OphthalmicFrameLocationSequence={"ReferenceCoordinates": [10.0 + i, 4, 10.0 + i, 90]}
    ),
    "in the stack": lambda i: group(FrameContentSequence={"InStackPositionNumber": i + 1}),
}


@pytest.mark.parametrize("place", POSITIONS)
def test_frames_are_in_the_order_of_where_they_lie(
    tmp_path: Path, scan: np.ndarray, place: str
) -> None:
    stored = [3, 0, 4, 1, 2]
    groups = [POSITIONS[place](i) for i in stored]
    data = dicom(scan[stored], TOMOGRAPHY, PerFrameFunctionalGroupsSequence=groups)
    data.SharedFunctionalGroupsSequence = [
        group(
            PixelMeasuresSequence={"PixelSpacing": [0.0039, 0.011], "SliceThickness": 0.2},
            FrameAnatomySequence={"FrameLaterality": "R"},
        )
    ]
    opened = open_oct(save(data, tmp_path / "scan.dcm"))
    np.testing.assert_array_equal(opened.pixels, scan)
    assert opened.eye == Eye("R", None, (0.2, 0.0039, 0.011))


def test_frames_without_positions_of_their_own_stay_as_stored(
    tmp_path: Path, scan: np.ndarray
) -> None:
    radial = [group(PlanePositionSequence={"ImagePositionPatient": [1.0, 2.0, 3.0]})] * 5
    data = dicom(scan, TOMOGRAPHY, PerFrameFunctionalGroupsSequence=radial)
    np.testing.assert_array_equal(load_oct(save(data, tmp_path / "scan.dcm")), scan)


def encoded(frames: np.ndarray, kind: str, **options: object) -> bytes:
    files = []
    for frame in frames:
        file = io.BytesIO()
        Image.fromarray(frame).save(file, kind, **options)
        files.append(file.getvalue())
    return encapsulate(files)


def test_run_length_encoding_gives_the_same_pixels(tmp_path: Path, scan: np.ndarray) -> None:
    data = dicom(scan, TOMOGRAPHY)
    data.compress(RLELossless)
    np.testing.assert_array_equal(load_oct(save(data, tmp_path / "scan.dcm")), scan)


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_lossless_jpeg_2000_gives_the_same_pixels(
    tmp_path: Path, scan: np.ndarray, depth: type
) -> None:
    whole = np.iinfo(depth).max // 255
    frames = np.tile(scan, (1, 4, 4)).astype(depth) * depth(whole)
    data = dicom(frames, TOMOGRAPHY)
    data.PixelData = encoded(frames, "JPEG2000", irreversible=False, no_jp2=True)
    data["PixelData"].VR, data["PixelData"].is_undefined_length = "OB", True
    data.file_meta.TransferSyntaxUID = JPEG2000Lossless
    np.testing.assert_array_equal(
        load_oct(save(data, tmp_path / "scan.dcm")), np.tile(scan, (1, 4, 4))
    )


def test_jpeg_gives_the_colours_that_pillow_gives(tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 64 * 64).reshape(64, 64).astype(np.uint8)
    colours = np.stack([ramp, ramp.T, 255 - ramp], axis=2)
    data = dicom(colours, PHOTOGRAPHY_8, PhotometricInterpretation="YBR_FULL_422")
    file = io.BytesIO()
    Image.fromarray(colours).save(file, "JPEG", quality=95)
    data.PixelData = encapsulate([file.getvalue()])
    data["PixelData"].VR, data["PixelData"].is_undefined_length = "OB", True
    data.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    expected = np.asarray(Image.open(file)).astype(int)
    read = load_fundus(save(data, tmp_path / "eye.dcm"))
    assert np.abs(read - expected).max() <= 2


@pytest.mark.parametrize("name", ["examples_ybr_color.dcm", "SC_rgb_rle_2frame.dcm"])
def test_published_multi_frame_files_are_as_pydicom_reads_them(name: str) -> None:
    path = Path(str(get_testdata_file(name)))
    colour = pydicom.dcmread(path).pixel_array.astype(float)
    grey = np.rint(colour @ [0.299, 0.587, 0.114]) if colour.shape[-1] == 3 else colour
    assert np.abs(load_oct(path) - grey).max() <= 3  # one turns YBR to RGB before, one after


def test_lossless_jpeg_needs_a_decoder_that_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(str(get_testdata_file("MR_small_jpeg_ls_lossless.dcm")))
    plain = Path(str(get_testdata_file("MR_small.dcm")))
    np.testing.assert_array_equal(load_oct(path), load_oct(plain))

    def missing(*_: object, **__: object) -> None:
        raise RuntimeError("all plugins are missing dependencies:\n\tgdcm")

    monkeypatch.setattr("pydicom.pixels.utils.pixel_array", missing)
    with pytest.raises(DataError, match=r"JPEG-LS .* which nothing installed decodes; pip install"):
        load_oct(path)


def test_a_scan_is_not_taken_for_a_photograph_nor_the_other_way_round(
    tmp_path: Path, scan: np.ndarray, photograph: np.ndarray
) -> None:
    volume = save(dicom(scan, TOMOGRAPHY), tmp_path / "scan.dcm")
    picture = save(dicom(photograph, PHOTOGRAPHY_8), tmp_path / "eye.dcm")
    several = save(dicom(np.stack([photograph] * 2), PHOTOGRAPHY_8), tmp_path / "two.dcm")
    with pytest.raises(DataError, match=r"scan\.dcm: an ophthalmic scan, where a photograph"):
        load_fundus(volume)
    with pytest.raises(DataError, match=r"eye\.dcm: an ophthalmic photograph, where a scan"):
        load_oct(picture)
    with pytest.raises(DataError, match=r"two\.dcm: 2 frames, where one photograph"):
        load_fundus(several)


@pytest.mark.parametrize(
    ("tags", "trouble"),
    [
        ({"NumberOfFrames": 100_000}, "slices"),
        ({"Rows": 60_000, "Columns": 1}, "a side has"),
        ({"Rows": 10_000, "Columns": 10_000}, "million"),
        ({"Rows": 400}, "by its header"),
        ({"BitsStored": 40}, "40 of 8 bits"),
        ({"SamplesPerPixel": 4}, "4 samples"),
    ],
)
def test_tags_that_lie_are_refused_before_anything_is_decoded(
    tmp_path: Path, scan: np.ndarray, tags: dict[str, int], trouble: str
) -> None:
    path = save(dicom(scan, TOMOGRAPHY, **tags), tmp_path / "scan.dcm")
    with pytest.raises(DataError, match=rf"scan\.dcm: .*{trouble}"):
        load_oct(path)


def test_a_data_set_that_unpacks_to_any_size_is_refused(tmp_path: Path, scan: np.ndarray) -> None:
    data = dicom(scan, TOMOGRAPHY)
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    with pytest.raises(
        DataError, match=r"scan\.dcm: compressed as Deflated .* is not read; export"
    ):
        load_oct(save(data, tmp_path / "scan.dcm"))


def test_a_file_without_an_image_is_named(tmp_path: Path, scan: np.ndarray) -> None:
    data = dicom(scan, TOMOGRAPHY)
    del data.PixelData
    with pytest.raises(DataError, match=r"report\.dcm: no image: it has no PixelData"):
        load_oct(save(data, tmp_path / "report.dcm"))
    (tmp_path / "text.dcm").write_text("nonsense")
    with pytest.raises(DataError, match=r"text\.dcm: damaged"):
        load_oct(tmp_path / "text.dcm")
