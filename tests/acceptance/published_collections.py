"""Whole collections in small, as they lie on disk, with the grade of each case."""

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.acceptance.federations import ROOT
from tests.fed.data.collections.files import nifti, npz, one_hot, picture, sheet

SLICES = 12
AMD_GRADES = ("healthy", "early", "intermediate", "late")


@dataclass(frozen=True)
class Written:
    """A collection on disk.

    Attributes
    ----------
    path : Path
        What ``data.path`` is to be.
    config : Path
        The configuration that reads it.
    grades : dict
        Grade of every case, by case id.
    held_out : set
        Cases of the official test split; empty where there is none.
    settings : tuple of str
        Further overrides.
    """

    path: Path
    config: Path
    grades: dict[str, int]
    held_out: set[str]
    settings: tuple[str, ...] = ()


def harvard30k(folder: Path) -> Written:
    """Write AMD cases 1 to 52, of grade (number mod 4); the last 12 are for testing."""
    root = folder / "AMD"
    for number in range(1, 53):
        picture(root / str(number) / f"data_{number}_fundus.png", 40 + 4 * (number % 4) + number)
        nifti(root / str(number) / f"processed_data_{number}.nii", 20 * (number % 4) + number)
    rows = [[number, *one_hot(number % 4, 4)] for number in range(1, 53)]
    header = ["data", *(f"class_{k}" for k in range(4))]
    sheet(root / "train.xlsx", header, rows[:40])
    sheet(root / "test.xlsx", header, rows[40:])
    grades = {str(number): number % 4 for number in range(1, 53)}
    return Written(root, _ours("paper"), grades, {str(number) for number in range(41, 53)})


def harvard30k_slices(folder: Path) -> Written:
    """Write glaucoma cases 1 to 40, ill where odd, as folders of slices; 12 are for testing."""
    root = folder / "Glaucoma"
    for number in range(1, 41):
        case = root / str(number)
        picture(case / f"{number}.png", 40 + 30 * (number % 2) + number)
        _slices(case / str(number), "{}.png", number)
    rows = [[number, *one_hot(number % 2, 2)] for number in range(1, 41)]
    sheet(root / "train.xlsx", ["data", "label1", "label2"], rows[:28])
    sheet(root / "test.xlsx", ["data", "label1", "label2"], rows[28:])
    grades = {str(number): number % 2 for number in range(1, 41)}
    settings = ("data.label=glaucoma", "task.classes=[healthy, glaucoma]")
    held_out = {str(number) for number in range(29, 41)}
    return Written(root, _ours("paper"), grades, held_out, settings)


def gamma(folder: Path) -> Written:
    """Write cases 1 to 30 of grade (number mod 3), with 12 slices each, and 31 unlabelled."""
    root = folder / "training"
    for number in range(1, 32):
        case = root / "multi-modality_images" / f"{number:04}"
        picture(case / f"{number:04}.jpg", 30 + 6 * number)
        _slices(case / f"{number:04}", "{}_image.jpg", 10 * (number % 3) + number)
    rows = [[number, *one_hot(number % 3, 3)] for number in range(1, 31)]
    header = ["data", "non", "early", "mid_advanced"]
    sheet(root / "glaucoma_grading_training_GT.xlsx", header, rows)
    grades = {f"{number:04}": number % 3 for number in range(1, 31)}
    return Written(root, _ours("gamma"), grades, set())


def fairvision(folder: Path) -> Written:
    """Write cases 1 to 54: race (number mod 3), glaucoma where a third of the number is odd."""
    root = folder / "FairVision"
    for number in range(1, 55):
        split = "Training" if number <= 36 else "Validation" if number <= 42 else "Test"
        npz(
            root / "Glaucoma" / split / f"data_{number:05}.npz",
            2 * number + 60 * (number // 3 % 2),
            glaucoma=float(number // 3 % 2),
            race=number % 3,
        )
    grades = {f"{number:05}": number // 3 % 2 for number in range(1, 55)}
    held_out = {f"{number:05}" for number in range(43, 55)}
    return Written(root, _ours("fairvision"), grades, held_out)


def manifest(folder: Path) -> Written:
    """Write cases 1 to 48 of grade (number mod 4) with scans of every kind, at four hospitals.

    The configuration is the example in docs/data.md.
    """
    root = folder / "eyes"
    rows: list[dict[str, str]] = []
    for number in range(1, 49):
        grade, hospital = number % 4, ("north", "south", "east", "west")[number // 4 % 4]
        row = {"case_id": f"e{number}", "patient_id": f"p{number}", "grade": AMD_GRADES[grade]}
        if hospital != "south":
            row["fundus"] = f"fundus/e{number}.{'jpg' if number % 2 else 'png'}"
            picture(root / row["fundus"], 40 + 40 * grade + number)
        if hospital != "east":
            row["oct"] = _scan(root, number)
        rows.append({"fundus": "", "oct": "", "laterality": "L", "hospital": hospital, **row})
    with (root / "eyes.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    config = folder / "eyes.yaml"
    config.write_text(_example())
    held_out = {row["case_id"] for row in rows if row["hospital"] == "west"}
    grades = {row["case_id"]: AMD_GRADES.index(row["grade"]) for row in rows}
    return Written(root / "eyes.csv", config, grades, held_out)


COLLECTIONS: dict[str, Callable[[Path], Written]] = {
    "harvard30k": harvard30k,
    "harvard30k-slices": harvard30k_slices,
    "gamma": gamma,
    "fairvision": fairvision,
    "manifest": manifest,
}


def _ours(name: str) -> Path:
    return ROOT / "configs" / f"{name}.yaml"


def _example() -> str:
    """Return the federation of the page on data, from its section on manifests."""
    page = (ROOT / "docs" / "data.md").read_text()
    found = re.search(r"```yaml\n(data: \{source: manifest.*?)```", page, re.DOTALL)
    assert found is not None
    return found[1]


def _slices(folder: Path, name: str, brightness: int) -> None:
    """Write slices whose brightness rises with their number."""
    for position in range(SLICES):
        picture(folder / name.format(position), 12 * position + brightness)


def _scan(root: Path, number: int) -> str:
    """Write a scan, the number says of which kind; return its path in the manifest."""
    name = f"oct/e{number}"
    kind = number % 3
    if kind == 0:
        nifti(root / f"{name}.nii.gz", 2 * number)
        return f"{name}.nii.gz"
    if kind == 1:
        _slices(root / name, "slice{}.png", number)
        return f"{name}/"
    voxels = (
        np.full((4, 20, 24), 2 * number, np.uint8) + np.arange(4, dtype=np.uint8)[:, None, None]
    )
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    np.save(root / f"{name}.npy", voxels)
    return f"{name}.npy"
