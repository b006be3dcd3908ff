"""APTOS 2019: retinopathy grades of 3,662 fundus photographs of a competition.

``train.csv`` (``id_code, diagnosis``) with ``train_images/<id>.png``. The test set's grades were
never published. No patient is named: every photograph counts as one.
"""

from pathlib import Path

from fed.config.data import numbers, plain
from fed.data.account import WITHOUT_LABEL
from fed.data.collection import Collection, Row
from fed.data.layouts.diseases import RETINOPATHY, chosen
from fed.data.layouts.folders import complete, pictures
from fed.data.layouts.tables import table


def read(root: Path, label: str) -> Collection:
    """Return the graded photographs; those of the test set count as without a label.

    Parameters
    ----------
    root : Path
        The folder that holds ``train.csv`` and ``train_images``.
    label : {"dr"}

    Raises
    ------
    ConfigError
        For another label.
    DataError
        If the table is wrong, or photographs are missing.
    """
    classes = chosen(label, {"dr": RETINOPATHY}, "aptos2019")
    grades = numbers(classes)
    rows: list[Row] = []
    troubles: list[str] = []
    for line, cells in table(root / "train.csv", ["id_code", "diagnosis"]):
        case, grade = cells["id_code"], plain(cells["diagnosis"])
        photograph = root / "train_images" / f"{case}.png"
        if grade not in grades:
            troubles.append(f"train.csv, line {line}: diagnosis is {cells['diagnosis']!r}")
        elif not photograph.is_file():
            troubles.append(f"{photograph}: no such file")
        else:
            rows.append(Row(case, case, grades[grade], photograph, None))
    ungraded = len(pictures(root / "test_images"))
    return Collection(classes, complete(root, rows, troubles), {WITHOUT_LABEL: ungraded})
