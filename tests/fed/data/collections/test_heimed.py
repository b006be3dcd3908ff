from pathlib import Path

import pytest

from fed.data.collections import heimed
from fed.errors import DataError
from tests.fed.data.collections.files import picture

TRUTHS = {
    "(00000003)": "2\nExudate 1\nExudate 1\n0\n0\n0\nNA\n",
    "(00000052)": "1\nMicroAneurysm 0\n0\n0\n0\nNA\n",
    "(00000053)": "0\n0\n0\n0\nNA\n",
    "(00000122)": None,
    "(00000200)": "1\nexudate 1\n0\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "DMED"
    for number, (name, truth) in enumerate(TRUTHS.items()):
        picture(folder / f"{name}.jpg", 40 + number)
        picture(folder / f"{name}_vess.png", 40 + number)
        (folder / f"{name}.meta").write_text(f"~ImageName:~{name}.jpg\n~PatientGender~F\n")
        if truth is not None:
            (folder / f"{name}.GND").write_text(truth)
    return tmp_path


@pytest.mark.usefixtures("shuffled")
@pytest.mark.parametrize(
    ("label", "grades"),
    [
        ("grade", [1, 0, 0, 0, 1]),
        ("exudates", [1, 0, 0, 0, 1]),
        ("dme", [1, 0, 0, 0, 1]),
        ("lesions", [1, 1, 0, 0, 1]),
    ],
)
def test_lesions_that_the_ground_truth_names(root: Path, label: str, grades: list[int]) -> None:
    collection = heimed.read(root, label)
    assert [row.case_id for row in collection.rows] == [name.strip("()") for name in TRUTHS]
    assert [row.label for row in collection.rows] == grades
    assert all(row.patient_id == row.case_id and row.oct is None for row in collection.rows)
    assert collection == heimed.read(root / "DMED", label)


def test_what_the_authors_marked_as_bad_is_left_out_and_counted(root: Path) -> None:
    (root / "DMED" / "(00000053).jpg.bad").touch()
    collection = heimed.read(root, "dme")
    assert [row.label for row in collection.rows] == [1, 0, 0, 1]
    assert collection.left_out == {"marked as bad by the authors": 1}


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no image of this collection"):
        heimed.read(tmp_path, "dme")
