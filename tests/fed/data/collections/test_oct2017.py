from pathlib import Path

import pytest

from fed.data.collections import oct2017
from fed.errors import DataError
from tests.fed.data.collections.files import picture

SCANS = (
    "train/CNV/CNV-1016042-2.jpeg",
    "train/CNV/CNV-1016042-10.jpeg",
    "train/DME/DME-30521-1.jpeg",
    "train/NORMAL/NORMAL-30521-4.jpeg",
    "val/DRUSEN/DRUSEN-95633-1.jpeg",
    "test/NORMAL/NORMAL-12494-1.jpeg",
    "test/CNV/CNV-1016042-2.jpeg",
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number, name in enumerate(SCANS):
        picture(tmp_path / "OCT2017" / name, 40 + number, (20, 30))
    return tmp_path


@pytest.mark.parametrize("within", [False, True])
@pytest.mark.usefixtures("shuffled")
def test_scans_with_the_patients_in_their_names(root: Path, within: bool) -> None:
    collection = oct2017.read(root / "OCT2017" if within else root, "grade")
    assert collection.classes == ("NORMAL", "DRUSEN", "CNV", "DME")
    found = [(r.case_id, r.patient_id, r.label, r.split) for r in collection.rows]
    assert found == [
        ("train-NORMAL-30521-4", "30521", 0, "train"),
        ("train-CNV-1016042-2", "1016042", 2, "train"),
        ("train-CNV-1016042-10", "1016042", 2, "train"),
        ("train-DME-30521-1", "30521", 3, "train"),
        ("val-DRUSEN-95633-1", "95633", 1, "val"),
        ("test-NORMAL-12494-1", "12494", 0, "test"),
        ("test-CNV-1016042-2", "1016042", 2, "test"),
    ]


def test_a_name_without_patient_and_an_empty_folder_are_refused(root: Path, tmp_path: Path) -> None:
    picture(root / "OCT2017" / "train" / "DME" / "DME_7.jpeg", 9)
    with pytest.raises(DataError, match=r"DME_7\.jpeg: a name is CLASS-patient-scan"):
        oct2017.read(root, "disease")
    with pytest.raises(DataError, match="holds no image of this collection"):
        oct2017.read(tmp_path / "nowhere", "disease")
