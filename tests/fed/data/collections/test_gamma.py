from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fed.config import Config
from fed.data.collections import gamma
from fed.data.opening import open_source
from fed.errors import ConfigError, DataError

Write = Callable[..., None]
SHEET = "glaucoma_grading_training_GT.xlsx"
HEADER = ["data", "non", "early", "mid_advanced"]
SLICES = 12


@pytest.fixture
def root(tmp_path: Path, sheet: Write, picture: Write) -> Path:
    """Cases 1 to 6, of grade (number mod 3), and case 7 without a label."""
    for number in range(1, 8):
        case = tmp_path / "multi-modality_images" / f"{number:04}"
        picture(case / f"{number:04}.jpg", 20 * number)
        for k in range(SLICES):
            picture(case / f"{number:04}" / f"{k}_image.jpg", 20 * k)
    rows = [[number, *(int(k == number % 3) for k in range(3))] for number in range(1, 7)]
    sheet(tmp_path / SHEET, HEADER, rows)
    return tmp_path


def test_labelled_cases_with_their_grades(root: Path) -> None:
    collection = gamma.read(root, "glaucoma")
    assert collection == gamma.read(root, "grade")
    assert collection.classes == ("non", "early", "mid_advanced")
    assert [row.case_id for row in collection.rows] == [f"{number:04}" for number in range(1, 7)]
    assert [row.label for row in collection.rows] == [1, 2, 0, 1, 2, 0]
    assert {row.split for row in collection.rows} == {"train"}
    assert collection.left_out == {"without a label": 1}


@pytest.mark.usefixtures("shuffled")
def test_slices_come_in_numeric_order_whatever_the_order_of_the_directory(
    root: Path, configuration: Callable[..., Config]
) -> None:
    config = configuration(
        classes=gamma.CLASSES,
        source="gamma",
        path=str(root),
        volume_size=[SLICES, 20, 20],
    )
    source = open_source(config)
    for site in source.sites:
        cases = source.open(site.name)
        for index, case in enumerate(cases.cases):
            assert case.label == int(case.case_id) % 3
            brightness = cases.images.oct(index).astype(int).mean(axis=(1, 2))
            np.testing.assert_allclose(brightness, 20 * np.arange(SLICES), atol=2)
            fundus = cases.images.fundus(index).astype(int)
            np.testing.assert_allclose(fundus, 20 * int(case.case_id), atol=2)


def test_what_is_missing_is_named_together(root: Path, sheet: Write) -> None:
    images = root / "multi-modality_images"
    (images / "0001" / "0001.jpg").unlink()
    (images / "0002" / "0002" / "10_image.jpg").unlink()
    for file in (images / "0003" / "0003").iterdir():
        file.unlink()
    for file in (images / "0004" / "0004").iterdir():
        file.unlink()
    (images / "0004" / "0004").rmdir()
    rows = [[number, 1, 0, 0] for number in (1, 2, 3, 4, 55)]
    sheet(root / SHEET, HEADER, rows)
    with pytest.raises(DataError) as caught:
        gamma.read(root, "grade")
    assert str(caught.value) == (
        f"{root}: 5 missing: {images / '0001' / '0001.jpg'}: no such file; "
        f"{images / '0002' / '0002'}: no slice 10; "
        f"{images / '0003' / '0003'}: holds no slices; "
        f"{images / '0004' / '0004'}: no folder of slices; "
        f"case 55 of {SHEET}: no folder"
    )


def test_a_truncated_slice_is_named_before_training(
    root: Path, configuration: Callable[..., Config]
) -> None:
    slice_ = root / "multi-modality_images" / "0002" / "0002" / "5_image.jpg"
    slice_.write_bytes(slice_.read_bytes()[:200])
    config = configuration(classes=gamma.CLASSES, source="gamma", path=str(root))
    with pytest.raises(DataError, match=r"1 bad image file: .*5_image\.jpg"):
        open_source(config)


def test_another_label_or_order_of_classes_is_refused(
    root: Path, configuration: Callable[..., Config]
) -> None:
    with pytest.raises(ConfigError, match=r"data\.label: 'amd'; allowed for gamma"):
        gamma.read(root, "amd")
    inverted = configuration(classes=gamma.CLASSES[::-1], source="gamma", path=str(root))
    with pytest.raises(ConfigError, match="in this order"):
        open_source(inverted)
