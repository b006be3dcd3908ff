from pathlib import Path

import pytest

from fed.data.collections import octdl
from fed.errors import ConfigError, DataError
from tests.fed.data.collections.files import picture

HEADER = "file_name,disease,subcategory,condition,patient_id,eye,sex,year,image_width,image_hight"
SCANS = {
    "amd_1047099_1": "AMD,,drusen,1047099,OD,F,1950,1008,512",
    "amd_1047099_2": "AMD,,MNV,1047099,OS,F,1950,1008,512",
    "dme_6538474_3": "DME,,ME,6538474,,M,1961,1008,512",
    "no_6538474_10": "NO,,,6538474,,M,1961,1008,512",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number, (name, told) in enumerate(SCANS.items()):
        picture(tmp_path / "OCTDL" / told.partition(",")[0] / f"{name}.jpg", 40 + number, (20, 40))
    lines = [HEADER, *(f"{name},{told}" for name, told in SCANS.items())]
    (tmp_path / "OCTDL_labels.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


@pytest.mark.parametrize("label", ["grade", "disease"])
@pytest.mark.usefixtures("shuffled")
def test_scans_with_patients_and_eyes(root: Path, label: str) -> None:
    collection = octdl.read(root, label)
    assert [row.case_id for row in collection.rows] == list(SCANS)
    assert [collection.classes[row.label] for row in collection.rows] == ["AMD", "AMD", "DME", "NO"]
    assert [row.patient_id for row in collection.rows] == ["1047099"] * 2 + ["6538474"] * 2
    assert [row.attributes["laterality"] for row in collection.rows] == ["OD", "OS", "", ""]
    assert all(row.fundus is None and row.oct is not None for row in collection.rows)


def test_the_sheet_may_lie_beside_the_classes(root: Path) -> None:
    (root / "OCTDL_labels.csv").rename(root / "OCTDL" / "OCTDL_labels.csv")
    assert octdl.read(root, "grade").rows == octdl.read(root / "OCTDL", "grade").rows


def test_folders_and_sheet_agree(root: Path) -> None:
    (root / "OCTDL" / "AMD" / "amd_1047099_1.jpg").unlink()
    (root / "OCTDL" / "RVO").mkdir()
    (root / "OCTDL" / "DME" / "dme_6538474_3.jpg").rename(
        root / "OCTDL" / "RVO" / "dme_6538474_3.jpg"
    )
    picture(root / "OCTDL" / "VID" / "vid_1_1.jpg", 9)
    with pytest.raises(DataError) as caught:
        octdl.read(root, "disease")
    words = str(caught.value)
    assert "3 missing or wrong" in words
    assert "line 2: no folder of a class holds amd_1047099_1.jpg" in words
    assert "RVO/dme_6538474_3.jpg: OCTDL_labels.csv says 'DME'" in words
    assert "VID/vid_1_1.jpg: not in OCTDL_labels.csv" in words


def test_another_label_is_refused(root: Path) -> None:
    with pytest.raises(ConfigError, match="'amd'; allowed for octdl: grade, disease"):
        octdl.read(root, "amd")
