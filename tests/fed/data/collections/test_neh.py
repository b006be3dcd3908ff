from pathlib import Path

import pytest

from fed.data.collections import neh
from fed.errors import DataError
from tests.fed.data.collections.files import picture


@pytest.mark.usefixtures("shuffled")
def test_consecutive_numbers_are_one_made_up_patient(tmp_path: Path) -> None:
    for number in (7, 99, 100, 354):
        picture(tmp_path / "NORMAL" / f"NORMAL_{number}.jpeg", 40 + number % 100, (20, 30))
    picture(tmp_path / "DME" / "DME_7.jpeg", 9, (20, 30))
    collection = neh.read(tmp_path, "grade")
    assert [(row.case_id, row.patient_id, row.label) for row in collection.rows] == [
        ("NORMAL_7", "NORMAL-block-00", 0),
        ("NORMAL_99", "NORMAL-block-00", 0),
        ("NORMAL_100", "NORMAL-block-01", 0),
        ("NORMAL_354", "NORMAL-block-03", 0),
        ("DME_7", "DME-block-00", 2),
    ]


def test_copies_with_splits_keep_a_block_together(tmp_path: Path) -> None:
    picture(tmp_path / "train" / "AMD" / "AMD_190.jpeg", 40, (20, 30))
    picture(tmp_path / "val" / "AMD" / "AMD_191.jpeg", 41, (20, 30))
    rows = neh.read(tmp_path, "disease").rows
    assert [row.case_id for row in rows] == ["train-AMD_190", "val-AMD_191"]
    assert [row.split for row in rows] == ["train", "val"]
    assert {row.patient_id for row in rows} == {"AMD-block-01"}


@pytest.mark.usefixtures("shuffled")
def test_a_folder_of_a_subject_is_a_volume(tmp_path: Path) -> None:
    for subject in ("1", "2", "10"):
        for number in range(3):
            picture(tmp_path / "DME" / subject / f"{number}.tif", 40 + number, (20, 30))
    rows = neh.read(tmp_path, "disease").rows
    assert [(row.patient_id, row.label) for row in rows] == [
        ("DME-1", 2),
        ("DME-2", 2),
        ("DME-10", 2),
    ]
    assert [row.oct for row in rows] == [tmp_path / "DME" / name for name in ("1", "2", "10")]


def test_a_name_without_number_is_refused(tmp_path: Path) -> None:
    picture(tmp_path / "DME" / "DME.jpeg", 9)
    with pytest.raises(DataError, match=r"DME\.jpeg: a name is CLASS_number"):
        neh.read(tmp_path, "disease")
