"""IDRiD, disease grading: retinopathy and risk of macular oedema of 516 fundus photographs.

``B. Disease Grading/1. Original Images/{a. Training Set,b. Testing Set}/IDRiD_001.jpg``, with a CSV
file a set in ``2. Groundtruths``. Both sets number from 001, and no patient is named: every
photograph counts as a patient (Porwal et al., Medical Image Analysis 59, 2020).
"""

from pathlib import Path

from fed.config.data import numbers, plain
from fed.data.collection import Collection, Row
from fed.data.layouts.diseases import RETINOPATHY, chosen
from fed.data.layouts.folders import below, complete
from fed.data.layouts.tables import table

PART = "B. Disease Grading"
SETS = {"train": ("a. Training Set", "a", "Training"), "test": ("b. Testing Set", "b", "Testing")}
LABELS = {
    "dr": ("Retinopathy grade", RETINOPATHY),
    "dme": ("Risk of macular edema", ("none", "away from the centre", "at the centre")),
}
"""Risk of oedema: hard exudates nowhere, more than, or within, a disc diameter from the macula."""


def read(root: Path, label: str) -> Collection:
    """Return the photographs of both sets.

    Parameters
    ----------
    root : Path
        The folder that holds ``B. Disease Grading``, or that folder itself.
    label : {"dr", "dme"}

    Raises
    ------
    ConfigError
        For another label.
    DataError
        If a table is wrong, or photographs are missing.
    """
    column, classes = chosen(label, LABELS, "idrid")
    folder = below(root, PART)
    grades = numbers(classes)
    rows: list[Row] = []
    troubles: list[str] = []
    for split, (images, letter, name) in SETS.items():
        sheet = f"{letter}. IDRiD_Disease Grading_{name} Labels.csv"
        path = folder / "2. Groundtruths" / sheet
        for line, cells in table(path, ["Image name", column]):
            photograph = folder / "1. Original Images" / images / f"{cells['Image name']}.jpg"
            grade = plain(cells[column])
            if grade not in grades:
                troubles.append(f"{path}, line {line}: {column} is {cells[column]!r}")
            elif not photograph.is_file():
                troubles.append(f"{photograph}: no such file")
            else:
                case = f"{split}-{cells['Image name'].removeprefix('IDRiD_')}"
                rows.append(Row(case, case, grades[grade], photograph, None, split))
    return Collection(classes, complete(folder, rows, troubles))
