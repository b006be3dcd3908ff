from pathlib import Path

import pytest

from fed.data.collections import aptos2019
from fed.errors import DataError
from tests.fed.data.collections.files import picture

GRADES = {"000c1434d8d7": 2, "001639a390f0": 4, "0024cdab0c1e": 1, "002c21358ce6": 0}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number, name in enumerate(GRADES):
        picture(tmp_path / "train_images" / f"{name}.png", 40 + number)
    lines = ["id_code,diagnosis", *(f"{name},{grade}" for name, grade in GRADES.items())]
    (tmp_path / "train.csv").write_text("\n".join(lines) + "\n")
    for name in ("0005cfc8afb6", "003f0afdcd15"):
        picture(tmp_path / "test_images" / f"{name}.png", 90)
    (tmp_path / "test.csv").write_text("id_code\n0005cfc8afb6\n003f0afdcd15\n")
    return tmp_path


def test_graded_photographs_and_a_count_of_the_others(root: Path) -> None:
    collection = aptos2019.read(root, "dr")
    assert {row.case_id: row.label for row in collection.rows} == GRADES
    assert collection.left_out == {"without a label": 2}
    assert collection == aptos2019.read(root, "grade")


def test_missing_photographs_and_unknown_grades_are_refused(root: Path) -> None:
    (root / "train_images" / "001639a390f0.png").unlink()
    with (root / "train.csv").open("a") as file:
        file.write("ffff,5\n")
    with pytest.raises(DataError) as caught:
        aptos2019.read(root, "dr")
    assert "2 missing or wrong" in str(caught.value)
    assert "001639a390f0.png: no such file" in str(caught.value)
    assert "train.csv, line 6: diagnosis is '5'" in str(caught.value)
