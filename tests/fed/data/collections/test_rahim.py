from pathlib import Path

import pytest

from fed.data.collections import rahim
from fed.errors import DataError
from tests.fed.data.collections.files import picture

FOLDERS = (
    "1 - No DR",
    "2 - Mild DR without maculopathy",
    "3 - Mild DR with maculopathy",
    "4 - Moderate DR without maculopathy",
    "5 - Moderate DR with maculopathy",
    "6 - Severe DR without maculopathy",
    "7 - Severe DR with maculopathy",
    "8 - PDR without maculopathy",
    "9 - PDR with maculopathy",
    "10 - ADED",
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number, folder in enumerate(FOLDERS):
        for side in "LR":
            name = f"Patient{number + 1:03}_{side}.jpg"
            picture(tmp_path / "DR and maculopathy 10 classes" / folder / name, 40 + number)
    return tmp_path


@pytest.mark.usefixtures("shuffled")
@pytest.mark.parametrize(
    ("label", "grades"),
    [("dr", [0, 1, 1, 2, 2, 3, 3, 4, 4]), ("dme", [0, 0, 1, 0, 1, 0, 1, 0, 1])],
)
def test_folders_have_their_grades(root: Path, label: str, grades: list[int]) -> None:
    collection = rahim.read(root, label)
    assert [row.label for row in collection.rows][::2] == grades
    assert [row.attributes["laterality"] for row in collection.rows] == ["L", "R"] * 9
    assert [row.patient_id for row in collection.rows][:4] == ["Patient001"] * 2 + [
        "Patient002"
    ] * 2
    assert collection.left_out == {"with advanced disease, which has no grade": 2}


def test_other_names_are_refused_together(root: Path) -> None:
    parent = root / "DR and maculopathy 10 classes"
    picture(parent / "11 - more" / "Patient100_L.jpg", 9)
    picture(parent / FOLDERS[0] / "Patient100.jpg", 9)
    with pytest.raises(DataError) as caught:
        rahim.read(root, "dr")
    assert "2 missing or wrong" in str(caught.value)
    assert "11 - more: a folder's name begins with a number from 1 to 10" in str(caught.value)
    assert "Patient100.jpg: a name is Patient<id>_<L or R>" in str(caught.value)
