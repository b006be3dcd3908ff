"""Whole collections in small, as they lie on disk, with the grade of each case."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.fed.data.collections.files import nifti, npz, one_hot, picture, sheet


@dataclass(frozen=True)
class Written:
    """A collection on disk.

    Attributes
    ----------
    path : Path
        What ``data.path`` is to be.
    grades : dict
        Grade of every case, by case id.
    held_out : set
        Cases of the official test split; empty where there is none.
    """

    path: Path
    grades: dict[str, int]
    held_out: set[str]


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
    return Written(root, grades, {str(number) for number in range(41, 53)})


def gamma(folder: Path) -> Written:
    """Write cases 1 to 30 of grade (number mod 3), with 12 slices each, and 31 unlabelled."""
    root = folder / "training"
    for number in range(1, 32):
        case = root / "multi-modality_images" / f"{number:04}"
        picture(case / f"{number:04}.jpg", 30 + 6 * number)
        for position in range(12):
            slice_ = case / f"{number:04}" / f"{position}_image.jpg"
            picture(slice_, 20 * position + 10 * (number % 3))
    rows = [[number, *one_hot(number % 3, 3)] for number in range(1, 31)]
    header = ["data", "non", "early", "mid_advanced"]
    sheet(root / "glaucoma_grading_training_GT.xlsx", header, rows)
    return Written(root, {f"{number:04}": number % 3 for number in range(1, 31)}, set())


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
    return Written(root, grades, {f"{number:05}" for number in range(43, 55)})


COLLECTIONS: dict[str, Callable[[Path], Written]] = {
    "paper": harvard30k,
    "gamma": gamma,
    "fairvision": fairvision,
}
"""By the configuration that reads it."""
