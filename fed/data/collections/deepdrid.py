"""DeepDRiD: retinopathy grades of two regular fundus photographs an eye, of three screenings.

``regular_fundus_images/regular-fundus-{training,validation}/Images/<patient>/<image>.jpg`` with a
CSV file each, and ``Online-Challenge1&2-Evaluation`` with ``Challenge1_labels.xlsx`` (Liu et al.,
Patterns 3, 2022). The ultra-widefield photographs are of another device and are not read.
"""

from collections import Counter
from pathlib import Path

from fed.config.data import numbers, plain
from fed.data.account import WITHOUT_LABEL
from fed.data.collection import Collection, Row
from fed.data.layouts.diseases import RETINOPATHY, chosen
from fed.data.layouts.folders import below, complete, pictures
from fed.data.layouts.tables import table

PART = "regular_fundus_images"
SPLITS = {"train": "training", "val": "validation"}
EVALUATION = "Online-Challenge1&2-Evaluation"
EYES = {"L": "left_eye_DR_Level", "R": "right_eye_DR_Level"}
UNGRADED = "with a level other than 0 to 4"


def read(root: Path, label: str) -> Collection:
    """Return the photographs; ``study`` names the screening where that is told.

    Parameters
    ----------
    root : Path
        The folder that holds ``regular_fundus_images``, or that folder itself.
    label : {"dr"}

    Raises
    ------
    ConfigError
        For another label.
    DataError
        If a table is wrong, or photographs are missing.
    """
    classes = chosen(label, {"dr": RETINOPATHY}, "deepdrid")
    folder = below(root, PART)
    grades = numbers(classes)
    rows: list[Row] = []
    troubles: list[str] = []
    left_out: Counter[str] = Counter()

    def add(images: Path, name: str, side: str, level: str, split: str, study: str) -> None:
        patient, _, _ = name.partition("_")
        photograph = images / patient / f"{name}.jpg"
        told = {"laterality": side, "study": study}
        if not level:
            left_out[WITHOUT_LABEL] += 1
        elif plain(level) not in grades:
            left_out[UNGRADED] += 1
        elif not photograph.is_file():
            troubles.append(f"{photograph}: no such file")
        else:
            rows.append(Row(name, patient, grades[plain(level)], photograph, None, split, told))

    for split, name in SPLITS.items():
        part = folder / f"regular-fundus-{name}"
        studies = _studies(part / f"regular-fundus-source-{name}.csv")
        for _, cells in table(part / f"regular-fundus-{name}.csv", ["image_id", *EYES.values()]):
            # The column tells the eye: patient 56 has names that say the other one.
            side = next((side for side, column in EYES.items() if cells[column]), "")
            level, image = cells[EYES[side]] if side else "", cells["image_id"]
            add(part / "Images", image, side, level, split, studies.get(image, ""))
    part = folder / EVALUATION
    if (part / "Challenge1_labels.xlsx").exists():
        for _, cells in table(part / "Challenge1_labels.xlsx", ["image_id", "DR_Levels"]):
            side = cells["image_id"].partition("_")[2][:1].upper()
            add(part / "Images", cells["image_id"], side, cells["DR_Levels"], "test", "")
    elif (part / "Images").is_dir():
        left_out[WITHOUT_LABEL] += sum(len(pictures(p)) for p in (part / "Images").iterdir())
    return Collection(classes, complete(folder, rows, troubles), left_out)


def _studies(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    return {cells["image_id"]: cells["Source"] for _, cells in table(path, ["image_id", "Source"])}
