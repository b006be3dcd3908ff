"""The Malaysian set of S. S. Rahim: retinopathy and maculopathy of 600 fundus photographs.

``DR and maculopathy 10 classes/<k> - <class>/Patient<id>_<L|R>.jpg``, k from 1 to 10: none; mild,
moderate, severe and proliferative, each without and with maculopathy; advanced diabetic eye disease.
"""

import re
from collections import Counter
from pathlib import Path

from fed.data.collection import Collection, Row
from fed.data.layouts.diseases import RETINOPATHY, chosen
from fed.data.layouts.folders import below, complete, numeric, pictures

PART = "DR and maculopathy 10 classes"
FOLDERS = range(1, 11)
ADVANCED = 10
MACULOPATHY = ("absent", "present")
NAME = re.compile(r"(?P<patient>Patient[0-9]+)_(?P<side>[LR])", re.IGNORECASE)

LABELS = {
    "dr": (RETINOPATHY, {k: k // 2 for k in FOLDERS if k < ADVANCED}),
    "dme": (MACULOPATHY, {k: int(k > 1 and k % 2) for k in FOLDERS if k < ADVANCED}),
}
"""Classes, and the one that each folder is of."""


def read(root: Path, label: str) -> Collection:
    """Return the photographs of both eyes of each patient.

    Those with advanced diabetic eye disease (folder 10) have neither grade; they are left out.

    Parameters
    ----------
    root : Path
        The folder that holds those of the classes, or the one that holds it.
    label : {"dr", "dme"}

    Raises
    ------
    ConfigError
        For another label.
    DataError
        If a folder is of no class, a name is of another form, or there is no photograph.
    """
    classes, grades = chosen(label, LABELS, "rahim")
    parent = below(root, PART)
    rows: list[Row] = []
    troubles: list[str] = []
    left_out: Counter[str] = Counter()
    for folder in sorted((f for f in parent.glob("* - *") if f.is_dir()), key=numeric):
        number, _, _ = folder.name.partition(" - ")
        k = int(number) if number.isdecimal() else 0
        if k not in FOLDERS:
            troubles.append(f"{folder}: a folder's name begins with a number from 1 to 10")
        for photograph in pictures(folder):
            name = NAME.fullmatch(photograph.stem)
            if name is None:
                troubles.append(f"{photograph}: a name is Patient<id>_<L or R>")
            elif k == ADVANCED:
                left_out["with advanced disease, which has no grade"] += 1
            elif k in grades:
                told = {"laterality": name["side"].upper()}
                case = f"{k}-{photograph.stem}"
                rows.append(Row(case, name["patient"], grades[k], photograph, None, None, told))
    return Collection(classes, complete(parent, rows, troubles), left_out)
