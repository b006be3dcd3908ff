from pathlib import Path

import pytest

from fed.data.collections import odir5k
from fed.errors import DataError
from tests.fed.data.collections.files import picture, sheet

HEADER = [
    "ID", "Patient Age", "Patient Sex", "Left-Fundus", "Right-Fundus",
    "Left-Diagnostic Keywords", "Right-Diagnostic Keywords",
    "N", "D", "G", "C", "A", "H", "M", "O",
]  # fmt: skip
PATIENTS = {
    0: ("cataract", "normal fundus"),
    4: (
        "moderate non proliferative retinopathy，macular epiretinal membrane",
        "lens dust，normal fundus",
    ),
    9: ("low image quality", "severe proliferative diabetic retinopathy,glaucoma"),
    20: ("anterior segment image", "suspected glaucoma"),
    21: (
        "diabetic retinopathy",
        "wet age-related macular degeneration，mild nonproliferative retinopathy",
    ),
    22: ("hypertensive retinopathy", "pathological myopia"),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    rows = []
    for number, keywords in PATIENTS.items():
        names = [f"{number}_left.jpg", f"{number}_right.jpg"]
        for side, name in enumerate(names):
            picture(tmp_path / "ODIR-5K" / "Training Images" / name, 40 + 2 * number + side)
        rows.append([number, 60, "Female", *names, *keywords, *[0] * 7, 1])
    sheet(tmp_path / "ODIR-5K" / "data.xlsx", HEADER, rows)
    return tmp_path


@pytest.mark.parametrize(
    ("label", "grades"),
    [
        (
            "dr",
            {"0L": 0, "0R": 0, "4L": 2, "4R": 0, "9R": 4, "20R": 0, "21R": 1, "22L": 0, "22R": 0},
        ),
        ("amd", {"21R": 1}),
        ("glaucoma", {"9R": 1}),
        ("cataract", {"0L": 1}),
        ("hypertension", {"22L": 1}),
        ("myopia", {"22R": 1}),
    ],
)
def test_every_eye_has_the_grade_that_its_keywords_tell(
    root: Path, label: str, grades: dict[str, int]
) -> None:
    collection = odir5k.read(root, label)
    found = {f"{r.patient_id}{r.attributes['laterality']}": r.label for r in collection.rows}
    if label == "dr":
        assert found == grades
        assert list(found) == list(grades)
        assert collection == odir5k.read(root / "ODIR-5K", "grade")
    else:
        assert {eye for eye, grade in found.items() if grade} == set(grades)
        assert "20L" not in found


def test_what_has_no_grade_is_counted(root: Path) -> None:
    assert odir5k.read(root, "dr").left_out == {
        "without a label": 1,
        "that are no fundus photographs": 1,
        "with retinopathy of no grade": 1,
    }
    assert odir5k.read(root, "glaucoma").left_out == {
        "without a label": 1,
        "that are no fundus photographs": 1,
        "with a finding that is only suspected": 1,
    }


def test_what_is_missing_is_named(root: Path) -> None:
    (root / "ODIR-5K" / "Training Images" / "0_left.jpg").unlink()
    with pytest.raises(DataError, match=r"1 missing or wrong: .*0_left\.jpg: no such file"):
        odir5k.read(root, "dr")
    (root / "ODIR-5K" / "data.xlsx").unlink()
    with pytest.raises(DataError, match=r"holds no data\.xlsx and no ODIR-5K_Training_Annotations"):
        odir5k.read(root, "dr")
