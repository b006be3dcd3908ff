from pathlib import Path

import pytest

from fed.data.collections import deepdrid
from fed.errors import DataError
from tests.fed.data.collections.files import picture, sheet

HEADER = (
    "patient_id,image_id,image_path,Overall quality,left_eye_DR_Level,right_eye_DR_Level,"
    "patient_DR_Level,Clarity,Field definition,Artifact"
)
TRAINING = {
    "1_l1": "2,", "1_l2": "2,", "1_r1": ",0", "1_r2": ",0",
    "56_l1": "1,", "56_r3": "1,", "56_l3": ",0", "56_r2": ",0",
    "60_l1": "5,", "60_r1": ",",
}  # fmt: skip
VALIDATION = {"265_l1": "4,", "265_r1": ",3"}


def write(root: Path, name: str, images: dict[str, str], study: str) -> None:
    part = root / "regular_fundus_images" / f"regular-fundus-{name}"
    lines, studies = [HEADER], ["patient_id,image_id,image_path,Source"]
    for number, (image, levels) in enumerate(images.items()):
        patient = image.partition("_")[0]
        path = f"\\regular-fundus-{name}\\{patient}\\{image}.jpg"
        lines.append(f"{patient},{image},{path},0,{levels},4,8,8,4")
        studies.append(f"{patient},{image},{path},{study}")
        picture(part / "Images" / patient / f"{image}.jpg", 40 + number)
    (part / f"regular-fundus-{name}.csv").write_text("\n".join(lines))
    (part / f"regular-fundus-source-{name}.csv").write_text("\n".join(studies))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, "training", TRAINING, "Nicheng")
    write(tmp_path, "validation", VALIDATION, "Shanghai")
    for image in ("347_l1", "347_r2"):
        part = tmp_path / "regular_fundus_images" / "Online-Challenge1&2-Evaluation"
        picture(part / "Images" / "347" / f"{image}.jpg", 90)
    return tmp_path


def test_two_photographs_an_eye_with_the_grade_of_that_eye(root: Path) -> None:
    collection = deepdrid.read(root, "dr")
    found = [
        (r.case_id, r.patient_id, r.attributes["laterality"], r.label) for r in collection.rows
    ]
    assert found == [
        ("1_l1", "1", "L", 2), ("1_l2", "1", "L", 2), ("1_r1", "1", "R", 0), ("1_r2", "1", "R", 0),
        ("56_l1", "56", "L", 1), ("56_r3", "56", "L", 1),
        ("56_l3", "56", "R", 0), ("56_r2", "56", "R", 0),
        ("265_l1", "265", "L", 4), ("265_r1", "265", "R", 3),
    ]  # fmt: skip
    assert [row.split for row in collection.rows] == ["train"] * 8 + ["val"] * 2
    assert [row.attributes["study"] for row in collection.rows][7:] == ["Nicheng"] + [
        "Shanghai"
    ] * 2
    assert collection.left_out == {"with a level other than 0 to 4": 1, "without a label": 3}


def test_the_evaluation_set_where_its_labels_are_there(root: Path) -> None:
    part = root / "regular_fundus_images" / "Online-Challenge1&2-Evaluation"
    rows = [["347_l1", 3], ["347_r2", 0.0]]
    sheet(part / "Challenge1_labels.xlsx", ["image_id", "DR_Levels"], rows)
    found = [row for row in deepdrid.read(root, "dr").rows if row.split == "test"]
    assert [(r.case_id, r.attributes["laterality"], r.label) for r in found] == [
        ("347_l1", "L", 3),
        ("347_r2", "R", 0),
    ]


def test_a_missing_photograph_is_named(root: Path) -> None:
    (root / "regular_fundus_images/regular-fundus-training/Images/1/1_r2.jpg").unlink()
    with pytest.raises(DataError, match=r"1 missing or wrong: .*1_r2\.jpg: no such file"):
        deepdrid.read(root, "dr")
