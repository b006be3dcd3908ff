"""A published collection of scans and manifests of photographs, each the source of some groups."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from simulate import command
from tests.acceptance.federations import write
from tests.fed.data.collections.files import picture

GRADES = ("NO", "AMD")
Row = dict[str, str]


def octdl(root: Path) -> None:
    """Write 40 B-scans as OCTDL has them."""
    listed = ["file_name,disease,patient_id"]
    for number in range(40):
        grade = number % 2
        name = f"scan_{number}"
        picture(root / "OCTDL" / GRADES[grade] / f"{name}.jpg", 60 + 80 * grade + number, (20, 30))
        listed.append(f"{name},{GRADES[grade]},{number}")
    (root / "OCTDL_labels.csv").write_text("\n".join(listed) + "\n")


def photographs(root: Path) -> Iterator[Row]:
    """Write 40 fundus photographs in one folder."""
    for number in range(40):
        grade = number % 2
        name = f"photographs/{number}.png"
        picture(root / name, 60 + 80 * grade + number, (24, 24))
        yield {"case_id": f"f{number}", "fundus": name, "grade": GRADES[grade]}


def pairs(root: Path) -> Iterator[Row]:
    """Write 16 eyes with both."""
    for number in range(16):
        grade = number % 2
        names = {modality: f"pairs/{number}_{modality}.png" for modality in ("fundus", "oct")}
        for name in names.values():
            picture(root / name, 60 + 80 * grade + number)
        yield {"case_id": f"b{number}", **names, "grade": GRADES[grade]}


SCANS = {"source": "octdl", "path": "scans", "labels": dict(zip(GRADES, GRADES, strict=True))}
CAMERA = {"path": "camera.csv"}
PAIRS = {"path": "pairs.csv"}


def site(name: str, data: dict[str, Any], *modalities: str, **changes: Any) -> dict[str, Any]:
    return {"name": name, "modalities": list(modalities), "data": data, **changes}


TRAINING = [site("scans", SCANS, "oct", cases=24), site("camera", CAMERA, "fundus", cases=24)]
UNSEEN = {
    "one": [
        site("scans-unseen", SCANS, "oct", role="held_out", cases=16),
        site("camera-unseen", CAMERA, "fundus", role="held_out", cases=16),
    ],
    "both": [site("pairs-unseen", PAIRS, "fundus", "oct", role="held_out")],
}


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the three sources where a run finds them; of the first two, 16 eyes are held out."""
    octdl(tmp_path / "scans")
    for name, rows in (("camera", photographs(tmp_path)), ("pairs", pairs(tmp_path))):
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, ["case_id", "fundus", "oct", "grade"], restval="")
            writer.writeheader()
            writer.writerows(rows)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("unseen", "cases"),
    [
        (["one"], {"fundus": 16, "oct": 16}),
        (["both"], {"both": 16, "fundus": 16, "oct": 16}),
        (["one", "both"], {"both": 16, "fundus": 32, "oct": 32}),
    ],
    ids=lambda value: "-and-".join(value) if isinstance(value, list) else None,
)
def test_sites_that_share_no_modality_train_one_network(
    unseen: list[str], cases: dict[str, int], sources: None, tmp_path: Path
) -> None:
    held_out = [group for kind in unseen for group in UNSEEN[kind]]
    federation = {
        "name": "apart",
        "task": {"classes": list(GRADES)},
        "data": {
            "source": "manifest",
            "path": "camera.csv",
            "label": "grade",
            "image_size": 32,
            "volume_size": [1, 16, 24],
            "prepared": str(tmp_path / "prepared"),
        },
        "sites": [*TRAINING, *held_out],
        "training": {"rounds": 2, "batch_size": 8},
        "evaluation": {"every": 2, "bootstrap": 20},
        "engine": {"workers": 1},
    }
    config, run = str(write(tmp_path, federation)), tmp_path / "run"
    for arguments in (["--prepare"], ["--out", str(run), "--quiet"]):
        done = CliRunner().invoke(command, [config, *arguments])
        assert done.exit_code == 0, done.output
    results = json.loads((run / "results.json").read_text())
    assert results["failures"] == []
    assert results["rounds_completed"] == 2
    with (run / "predictions.csv").open() as file:
        conditions = [row["condition"] for row in csv.DictReader(file)]
    assert {condition: conditions.count(condition) for condition in set(conditions)} == cases
    owned = {card["name"]: card["modalities"] for card in results["sites"]}
    assert (owned["scans"], owned["camera"]) == (["oct"], ["fundus"])
    report = (run / "report.html").read_text()
    assert all(group["name"] in report for group in [*TRAINING, *held_out])
