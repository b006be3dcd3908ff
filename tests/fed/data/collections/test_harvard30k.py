from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fed.config import Config
from fed.data.collections import harvard30k
from fed.data.opening import open_source
from fed.errors import ConfigError, DataError

Write = Callable[..., None]
AMD = ("class_0", "class_1", "class_2", "class_3")


def one_hot(grade: int, classes: int = 4) -> list[int]:
    return [int(k == grade) for k in range(classes)]


@pytest.fixture
def amd(tmp_path: Path, sheet: Write, picture: Write, nifti: Write) -> Path:
    """Cases 1 to 12, of grade (number mod 4); 9 to 12 are for testing."""
    root = tmp_path / "AMD"
    for number in range(1, 13):
        folder = root / str(number)
        picture(folder / f"data_{number}_fundus.png", 100 + number)
        nifti(folder / f"processed_data_{number}.nii", 10 * number)
    rows: list[list[Any]] = [[number, *one_hot(number % 4)] for number in range(1, 13)]
    sheet(root / "train.xlsx", ["data", *AMD], rows[:8])
    sheet(root / "test.xlsx", ["data", *AMD], rows[8:])
    return root


def test_amd_cases_with_their_grades_and_official_splits(amd: Path) -> None:
    collection = harvard30k.read(amd, "amd")
    assert collection.classes == ("healthy", "early", "intermediate", "late")
    rows = {int(row.case_id): row for row in collection.rows}
    assert list(rows) == list(range(1, 13))
    for number, row in rows.items():
        assert row.label == number % 4
        assert row.split == ("train" if number <= 8 else "test")
        assert row.patient_id == row.case_id
        assert row.fundus == amd / str(number) / f"data_{number}_fundus.png"
        assert row.oct == amd / str(number) / f"processed_data_{number}.nii"


@pytest.mark.usefixtures("shuffled")
def test_the_order_of_the_directory_does_not_matter(amd: Path) -> None:
    rows = harvard30k.read(amd, "amd").rows
    assert [row.case_id for row in rows] == [str(number) for number in range(1, 13)]
    assert [row.label for row in rows] == [number % 4 for number in range(1, 13)]


@pytest.mark.parametrize("columns", [("class_3", "class_2", "class_1", "class_0"), AMD[::-1]])
def test_class_columns_are_known_by_name_in_any_order(
    amd: Path, sheet: Write, columns: tuple[str, ...]
) -> None:
    rows = [[*reversed(one_hot(number % 4)), f"{number}"] for number in range(1, 9)]
    sheet(amd / "train.xlsx", [*columns, "data"], rows)
    labels = {row.case_id: row.label for row in harvard30k.read(amd, "amd").rows}
    assert all(labels[str(number)] == number % 4 for number in range(1, 13))


@pytest.mark.parametrize(
    ("label", "columns"), [("dr", ("non", "early")), ("glaucoma", ("label1", "label2"))]
)
def test_two_grades_of_volumes_and_of_slices(
    label: str, columns: tuple[str, ...], tmp_path: Path, sheet: Write, picture: Write, nifti: Write
) -> None:
    picture(tmp_path / "7" / "data_7_fundus.png", 70)
    nifti(tmp_path / "7" / "data_7.nii", 7)
    picture(tmp_path / "08" / "08.png", 80)
    for number in range(12):
        picture(tmp_path / "08" / "08" / f"{number}.png", 10 * number)
    sheet(tmp_path / "train.xlsx", ["data", *columns], [[7.0, 1, 0]])
    sheet(tmp_path / "test.xlsx", ["data", *columns], [[8, 0, 1]])
    collection = harvard30k.read(tmp_path, label)
    volume, slices = collection.rows
    assert (volume.case_id, volume.label, volume.split) == ("7", 0, "train")
    assert (slices.case_id, slices.label, slices.split) == ("08", 1, "test")
    assert volume.oct == tmp_path / "7" / "data_7.nii"
    assert slices.oct == tmp_path / "08" / "08"
    assert slices.fundus == tmp_path / "08" / "08.png"


def test_a_federation_sees_the_pixels_and_slices_in_order(
    amd: Path, configuration: Callable[..., Config]
) -> None:
    classes = harvard30k.read(amd, "amd").classes
    sites = (
        {"name": "reading", "modalities": ["fundus", "oct"], "cases": ["train"]},
        {"name": "unseen", "role": "held_out", "modalities": ["oct"], "cases": ["test"]},
    )
    source = open_source(
        configuration(
            sites,
            classes,
            source="harvard30k",
            path=str(amd),
            label="amd",
            site_column="split",
            volume_size=[4, 20, 24],
        )
    )
    train, test = (source.open(site.name) for site in source.sites)
    assert len(train) == 8
    assert len(test) == 4
    for index, case in enumerate(train.cases):
        number = int(case.case_id)
        assert (train.images.fundus(index) == 100 + number).all()
        slices = train.images.oct(index)[:, 0, 0]
        np.testing.assert_array_equal(slices, 10 * number + np.arange(4))


def test_damaged_images_are_named_together_before_training(
    amd: Path, configuration: Callable[..., Config]
) -> None:
    volume = amd / "3" / "processed_data_3.nii"
    volume.write_bytes(volume.read_bytes()[:900])
    photograph = amd / "5" / "data_5_fundus.png"
    photograph.write_bytes(photograph.read_bytes()[:40])
    classes = harvard30k.read(amd, "amd").classes
    config = configuration(classes=classes, source="harvard30k", path=str(amd), label="amd")
    with pytest.raises(DataError, match=r"^2 bad image files") as caught:
        open_source(config)
    assert str(volume) in str(caught.value)
    assert str(photograph) in str(caught.value)


def test_missing_files_and_folders_are_named_together_with_a_count(amd: Path) -> None:
    for number in range(1, 13):
        (amd / str(number) / f"data_{number}_fundus.png").unlink()
    (amd / "2" / "processed_data_2.nii").unlink()
    with pytest.raises(DataError) as caught:
        harvard30k.read(amd, "amd")
    message = str(caught.value)
    assert message.startswith(f"{amd}: 13 missing: {amd / '1'}: no data_1_fundus.png; ")
    assert f"{amd / '2'}: no data_2.nii" in message
    assert message.endswith("; and 3 more")


def test_a_case_without_a_folder_is_missing(amd: Path, sheet: Write) -> None:
    sheet(amd / "test.xlsx", ["data", *AMD], [[99, *one_hot(0)]])
    with pytest.raises(DataError, match=r"1 missing: case 99 of test\.xlsx: no folder"):
        harvard30k.read(amd, "amd")


def test_a_gap_between_slices_is_refused(tmp_path: Path, sheet: Write, picture: Write) -> None:
    picture(tmp_path / "1" / "1.png", 1)
    for number in (0, 1, 2, 9, 11):
        picture(tmp_path / "1" / "1" / f"{number}.png", number)
    sheet(tmp_path / "train.xlsx", ["data", "label1", "label2"], [[1, 0, 1]])
    sheet(tmp_path / "test.xlsx", ["data", "label1", "label2"], [])
    with pytest.raises(DataError, match=r"no slice 3, 4, 5, 6, 7, 8, 10$"):
        harvard30k.read(tmp_path, "glaucoma")


def test_a_case_in_both_splits_is_refused(amd: Path, sheet: Write) -> None:
    sheet(amd / "test.xlsx", ["data", *AMD], [[3, *one_hot(3)], [11, *one_hot(3)]])
    with pytest.raises(DataError, match="1 cases are in both train and test: 3"):
        harvard30k.read(amd, "amd")


def test_two_folders_of_one_number_are_refused(amd: Path) -> None:
    (amd / "007").mkdir()
    with pytest.raises(DataError, match="007 and 7 are the same case number"):
        harvard30k.read(amd, "amd")


def test_an_unknown_disease_is_refused(amd: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.label: 'amd4'; did you mean 'amd'\?"):
        harvard30k.read(amd, "amd4")


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such folder"):
        harvard30k.read(tmp_path / "AMD", "amd")
