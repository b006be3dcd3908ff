"""ODIR-5K: fundus photographs of both eyes of 3,500 patients, with keywords an eye.

``<id>_left.jpg`` and ``<id>_right.jpg`` in a folder, and a sheet with the diagnostic keywords of
each eye. The one-hot columns of the sheet are of the patient, not of the eye, and are not used.
"""

import re
from collections import Counter
from pathlib import Path

from fed.data.account import WITHOUT_LABEL
from fed.data.collection import Collection, Row
from fed.data.layouts.diseases import RETINOPATHY, chosen
from fed.data.layouts.folders import below, complete, first_present
from fed.data.layouts.tables import table
from fed.errors import DataError

SHEETS = ("data.xlsx", "ODIR-5K_Training_Annotations(Updated)_V2.xlsx")
FOLDERS = (
    "Training Images",
    "ODIR-5K_Training_Images/ODIR-5K_Training_Dataset",
    "ODIR-5K_Training_Dataset",
    "ODIR-5K_Training_Images",
)
SIDES = {"Left": "L", "Right": "R"}

QUALITY = (
    "lens dust",
    "low image quality",
    "image offset",
    "optic disk photographically invisible",
)
"""Keywords that say nothing of the eye."""

NO_FUNDUS = ("anterior segment image", "no fundus image")

GRADES = {"mild": 1, "moderate": 2, "severe": 3}
NON_PROLIFERATIVE = re.compile("(mild|moderate|severe) non[ -]?proliferative")
PROLIFERATIVE = 4

PRESENT = ("absent", "present")
FINDINGS = {
    "amd": "age-related macular degeneration",
    "glaucoma": "glaucoma",
    "cataract": "cataract",
    "hypertension": "hypertensive retinopathy",
    "myopia": "pathological myopia",
}
"""What a keyword holds where a finding is present; one that is only suspected is left out."""

LABELS = {"dr": RETINOPATHY, **dict.fromkeys(FINDINGS, PRESENT)}


def read(root: Path, label: str) -> Collection:
    """Return the photographs of the training set; the keywords of the others are not public.

    Parameters
    ----------
    root : Path
        The folder that holds the sheet and the folder of photographs.
    label : {"dr", "amd", "glaucoma", "cataract", "hypertension", "myopia"}
        An eye without a keyword of it, which has another, counts as without the disease.

    Raises
    ------
    ConfigError
        For another label.
    DataError
        If the sheet is wrong, or photographs are missing.
    """
    classes = chosen(label, LABELS, "odir5k")
    folder = below(root, "ODIR-5K")
    sheet = first_present([folder / name for name in SHEETS])
    if sheet is None:
        raise DataError(f"{folder}: holds no {' and no '.join(SHEETS)}")
    images = below(folder, *FOLDERS)
    needed = [f"{side}-{what}" for side in SIDES for what in ("Fundus", "Diagnostic Keywords")]
    rows: list[Row] = []
    troubles: list[str] = []
    left_out: Counter[str] = Counter()
    for _, cells in table(sheet, ["ID", *needed]):
        for side, letter in SIDES.items():
            name = cells[f"{side}-Fundus"]
            grade = _grade(
                cells[f"{side}-Diagnostic Keywords"], "dr" if label == "grade" else label
            )
            if isinstance(grade, str):
                left_out[grade] += 1
            elif not (images / name).is_file():
                troubles.append(f"{images / name}: no such file")
            else:
                told = {"laterality": letter}
                case = Path(name).stem
                rows.append(Row(case, cells["ID"], grade, images / name, None, "train", told))
    return Collection(classes, complete(folder, rows, troubles), left_out)


def _grade(keywords: str, label: str) -> int | str:
    """Return the class that an eye's keywords tell, or why they tell none."""
    told = [word.strip().lower() for word in re.split("[,，]", keywords)]
    findings = [word for word in told if word and word not in QUALITY]
    if any(word in NO_FUNDUS for word in findings):
        return "that are no fundus photographs"
    if not findings:
        return WITHOUT_LABEL
    if label == "dr":
        return max(map(_retinopathy, findings)) or (
            "with retinopathy of no grade"
            if any("diabetic retinopathy" in word for word in findings)
            else 0
        )
    named = [word for word in findings if FINDINGS[label] in word]
    if named and all(word.startswith("suspected") for word in named):
        return "with a finding that is only suspected"
    return int(bool(named))


def _retinopathy(word: str) -> int:
    """Return the grade that a keyword names; 0 where it names none."""
    named = NON_PROLIFERATIVE.match(word)
    if named:
        return GRADES[named[1]]
    return PROLIFERATIVE if "proliferative diabetic" in word else 0
