from pathlib import Path

import pytest

from fed.data.collections import mmc_amd
from fed.errors import DataError
from tests.fed.data.collections.files import picture

SPLITS = {
    "train": (["f-h-0001-L", "f-w-0002-R"], ["o-h-0001-L_1", "o-h-0001-L_2", "o-d-0003-L_1"]),
    "val": (["f-p-0004-L"], ["o-p-0004-L_1"]),
    "test": (["f-w-0005-R"], []),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for split, images in SPLITS.items():
        folder = tmp_path / f"mmc-amd-splitAP-{split}"
        for modality, names in zip(("cfp", "oct"), images, strict=True):
            for name in names:
                picture(tmp_path / "mmc-amd" / "ImageData" / modality / f"{name}.jpg", 40)
            subjects = {"-".join(name[2:].split("-")[:2]) for name in names}
            for kind, ids in (("ImageSets", names), ("SubjectSets", sorted(subjects))):
                (folder / kind).mkdir(parents=True, exist_ok=True)
                (folder / kind / f"{modality}.txt").write_text("\n".join(ids) + "\n")
    return tmp_path


def test_images_of_an_eye_are_together_and_further_scans_are_rows_of_their_own(root: Path) -> None:
    collection = mmc_amd.read(root, "amd")
    assert collection.classes == ("normal", "dry AMD", "PCV", "wet AMD")
    found = [(r.case_id, r.patient_id, r.label, r.split, sorted(r.images)) for r in collection.rows]
    assert found == [
        ("h-0001-L-1", "h-0001", 0, "train", ["fundus", "oct"]),
        ("h-0001-L-2", "h-0001", 0, "train", ["oct"]),
        ("w-0002-R-1", "w-0002", 3, "train", ["fundus"]),
        ("d-0003-L-1", "d-0003", 1, "train", ["oct"]),
        ("p-0004-L-1", "p-0004", 2, "val", ["fundus", "oct"]),
        ("w-0005-R-1", "w-0005", 3, "test", ["fundus"]),
    ]


def test_the_images_as_the_authors_prepared_them(root: Path) -> None:
    images = root / "mmc-amd" / "ImageData"
    (images / "cfp").rename(images / "cfp-clahe-448x448")
    (images / "oct").rename(images / "oct-median3x3-448x448")
    assert len(mmc_amd.read(root, "grade").rows) == 6


def test_eyes_of_nobody_and_missing_images_and_lists_are_refused(root: Path) -> None:
    (root / "mmc-amd" / "ImageData" / "cfp" / "f-w-0005-R.jpg").unlink()
    (root / "mmc-amd-splitAP-train" / "SubjectSets" / "oct.txt").write_text("h-0001\n")
    with pytest.raises(DataError) as caught:
        mmc_amd.read(root, "amd")
    assert "2 missing or wrong" in str(caught.value)
    assert "lists no subject of eye d-0003-L" in str(caught.value)
    assert "f-w-0005-R.jpg: no such file" in str(caught.value)
    (root / "mmc-amd-splitAP-val" / "ImageSets" / "cfp.txt").unlink()
    with pytest.raises(DataError, match="the split by patient"):
        mmc_amd.read(root, "amd")
