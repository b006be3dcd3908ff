from pathlib import Path

import pytest

from fed.data.collections import idrid
from fed.errors import ConfigError, DataError
from tests.fed.data.collections.files import picture

GRADES = {"a": ["4,2", "0,0", "3,1"], "b": ["2,2", "1,0"]}
"""Retinopathy and risk of oedema, the training set first."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Five photographs; the tables with the empty columns that the published ones have."""
    part = tmp_path / "B. Disease Grading"
    for letter, images, name in (
        ("a", "a. Training Set", "Training"),
        ("b", "b. Testing Set", "Testing"),
    ):
        space = " " if letter == "a" else ""
        lines = [f"Image name,Retinopathy grade,Risk of macular edema{space},,,"]
        for number, grades in enumerate(GRADES[letter], 1):
            lines.append(f"IDRiD_{number:03},{grades},,,")
            picture(part / "1. Original Images" / images / f"IDRiD_{number:03}.jpg", 20 * number)
        sheet = part / "2. Groundtruths" / f"{letter}. IDRiD_Disease Grading_{name} Labels.csv"
        sheet.parent.mkdir(exist_ok=True)
        sheet.write_text("\r\n".join(lines))
    return tmp_path


@pytest.mark.parametrize("within", [False, True])
def test_both_sets_number_from_one_and_every_photograph_is_a_patient(
    root: Path, within: bool
) -> None:
    collection = idrid.read(root / "B. Disease Grading" if within else root, "dr")
    assert [row.case_id for row in collection.rows] == [
        "train-001", "train-002", "train-003", "test-001", "test-002",
    ]  # fmt: skip
    assert [row.patient_id for row in collection.rows] == [row.case_id for row in collection.rows]
    assert [row.label for row in collection.rows] == [4, 0, 3, 2, 1]
    assert [row.split for row in collection.rows] == ["train"] * 3 + ["test"] * 2
    assert collection.classes[4] == "proliferative"
    assert collection.rows == idrid.read(root, "grade").rows


def test_risk_of_oedema(root: Path) -> None:
    collection = idrid.read(root, "dme")
    assert [row.label for row in collection.rows] == [2, 0, 1, 2, 0]
    assert collection.classes == ("none", "away from the centre", "at the centre")


def test_missing_photographs_and_other_labels_are_refused(root: Path) -> None:
    gone = root / "B. Disease Grading/1. Original Images/b. Testing Set/IDRiD_002.jpg"
    gone.unlink()
    with pytest.raises(DataError, match=r"1 missing or wrong: .*IDRiD_002\.jpg: no such file"):
        idrid.read(root, "dr")
    with pytest.raises(ConfigError, match="'amd'; allowed for idrid: grade, dr, dme"):
        idrid.read(root, "amd")
