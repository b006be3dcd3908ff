"""A collection of scans alone and one of photographs alone, in one federation."""

import csv
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from simulate import command
from tests.acceptance.federations import ROOT, write
from tests.fed.data.collections.files import picture

GRADES = ("NO", "AMD")
Row = dict[str, str]


def octdl(folder: Path) -> Iterator[Row]:
    """Write 40 B-scans as OCTDL has them; make its manifest as docs/data.md says."""
    root = folder / "data" / "OCTDL"
    listed = ["file_name,disease,patient_id"]
    for number in range(40):
        grade = number % 2
        name = f"scan_{number}"
        picture(root / GRADES[grade] / f"{name}.jpg", 60 + 80 * grade + number, (20, 30))
        listed.append(f"{name},{GRADES[grade]},{number}")
    (root / "OCTDL_labels.csv").write_text("\n".join(listed) + "\n")
    subprocess.run([sys.executable, "-c", recipe()], cwd=folder, check=True)
    with (root / "eyes.csv").open() as file:
        for row in csv.DictReader(file):
            oct_ = str((root / row["oct"]).relative_to(folder))
            yield {"case_id": row["case_id"], "oct": oct_, "grade": row["disease"]}


def recipe() -> str:
    """Return the program of the page on data that makes a manifest of OCTDL."""
    page = (ROOT / "docs" / "data.md").read_text()
    found = re.search(r"```python\n(import csv\n.*?)```", page, re.DOTALL)
    assert found is not None
    return found[1]


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


def site(name: str, *modalities: str, **changes: Any) -> dict[str, Any]:
    return {"name": name, "modalities": list(modalities), "cases": [name], **changes}


TRAINING = [site("scans", "oct"), site("camera", "fundus")]
UNSEEN = {
    "one": [
        site("scans-unseen", "oct", role="held_out"),
        site("camera-unseen", "fundus", role="held_out"),
    ],
    "both": [site("pairs-unseen", "fundus", "oct", role="held_out")],
}


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Join the collections; of the first two, the last 16 eyes are held out."""
    rows: list[Row] = []
    for place, written in (("scans", octdl), ("camera", photographs)):
        for number, row in enumerate(written(tmp_path)):
            rows.append({**row, "place": place if number < 24 else f"{place}-unseen"})
    rows += [{**row, "place": "pairs-unseen"} for row in pairs(tmp_path)]
    path = tmp_path / "all.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["case_id", "fundus", "oct", "grade", "place"], restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


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
    unseen: list[str], cases: dict[str, int], manifest: Path, tmp_path: Path
) -> None:
    held_out = [group for kind in unseen for group in UNSEEN[kind]]
    federation = {
        "name": "apart",
        "task": {"classes": list(GRADES)},
        "data": {
            "source": "manifest",
            "path": str(manifest),
            "label": "grade",
            "site_column": "place",
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
