"""Harvard FairVision: one ``.npz`` a case, with scan, laser image, label and demographics.

``<root>/{AMD,DR,Glaucoma}/{Training,Validation,Test}/data_XXXXX.npz``. The fundus image is a
scanning laser ophthalmoscopy (SLO) image, grey, not a colour photograph.
"""

import re
from pathlib import Path

import numpy as np

from fed.config.data import plain
from fed.data.collection import Collection, Row
from fed.data.images import reading
from fed.data.layouts.diseases import classes_of
from fed.errors import DataError, first_ten

FOLDERS = {"amd": "AMD", "dr": "DR", "glaucoma": "Glaucoma"}
SPLITS = {"train": "Training", "val": "Validation", "test": "Test"}
LABELS = {"amd": "amd_condition", "dr": "dr_subtype", "glaucoma": "glaucoma"}
IMAGES = ("slo_fundus", "oct_bscans")

GRADES = {
    "amd": {
        "not.in.icd.table": 0,
        "no.amd.diagnosis": 0,
        "early.dry": 1,
        "intermediate.dry": 2,
        "advanced.atrophic.dry.with.subfoveal.involvement": 3,
        "advanced.atrophic.dry.without.subfoveal.involvement": 3,
        "wet.amd.active.choroidal.neovascularization": 3,
        "wet.amd.inactive.choroidal.neovascularization": 3,
        "wet.amd.inactive.scar": 3,
    },
    "dr": {
        "not.in.icd.table": 0,
        "no.dr.diagnosis": 0,
        "mild.npdr": 0,
        "moderate.npdr": 0,
        "severe.npdr": 1,
        "pdr": 1,
    },
    "glaucoma": {"0": 0, "1": 1},
}
"""Diagnoses as the files spell them, and the grade each counts as (Luo et al., FairVision)."""

DEMOGRAPHICS = {
    "race": ("Asian", "Black", "White"),
    "male": ("female", "male"),
    "hispanic": ("non-Hispanic", "Hispanic"),
    "maritalstatus": ("married", "single", "divorced", "widowed", "legally separated"),
    "language": ("English", "Spanish", "other"),
}
"""What the numbers in the files stand for."""


def read(root: Path, label: str) -> Collection:
    """Return the cases of one disease, with demographics as attributes.

    A demographic group can serve as a pseudo-site (``data.site_column: race``); it is no hospital.
    What is not known of a patient, which the files write as -1 or NaN, is empty.

    Parameters
    ----------
    root : Path
        The folder that holds ``AMD``, ``DR`` and ``Glaucoma``, or the one needed of them.
    label : {"amd", "dr", "glaucoma"}

    Raises
    ------
    ConfigError
        For another label.
    DataError
        If there are no cases, or files that are damaged, incomplete or of an unknown diagnosis:
        the first ten, and a count.
    """
    classes = classes_of(label)
    folder = root / FOLDERS[label]
    rows: list[Row] = []
    troubles: list[str] = []
    for split, name in SPLITS.items():
        for path in sorted((folder / name).glob("data_*.npz"), key=_number):
            try:
                rows.append(_row(path, label, split))
            except DataError as error:
                troubles.append(str(error))
    if troubles:
        raise DataError(f"{folder}: {len(troubles)} bad files: {first_ten(troubles)}")
    if not rows:
        expected = ", ".join(SPLITS.values())
        raise DataError(f"{folder}: no data_XXXXX.npz in any of its folders {expected}")
    return Collection(classes, tuple(rows))


def _row(path: Path, label: str, split: str) -> Row:
    """Read the label and the demographics of a case; its images stay in the file."""
    with reading(path), np.load(path, allow_pickle=False) as archive:
        wanted = [name for name in (*IMAGES, LABELS[label]) if name not in archive.files]
        if wanted:
            raise DataError(f"{path}: holds no {', '.join(wanted)}")
        diagnosis = _text(archive[LABELS[label]].item())
        codes = {
            name: _text(archive[name].item()) for name in DEMOGRAPHICS if name in archive.files
        }
    if diagnosis not in GRADES[label]:
        known = ", ".join(GRADES[label])
        raise DataError(f"{path}: {LABELS[label]} is {diagnosis!r} (allowed: {known})")
    case = path.stem.removeprefix("data_")
    return Row(
        case_id=case,
        patient_id=case,
        label=GRADES[label][diagnosis],
        fundus=path / "slo_fundus",
        oct=path / "oct_bscans",
        split=split,
        attributes={name: _meaning(name, code) for name, code in codes.items()},
    )


def _text(value: object) -> str:
    """Return a diagnosis or code as text; numbers are whole, whatever type they are stored as."""
    if isinstance(value, bytes):
        return value.decode()
    return plain(str(value))


def _meaning(name: str, code: str) -> str:
    """Return what a demographic code stands for: nothing where it is not known."""
    if code in ("-1", "nan"):
        return ""
    words = DEMOGRAPHICS[name]
    return words[int(code)] if code.isdecimal() and int(code) < len(words) else code


def _number(path: Path) -> tuple[int, str]:
    digits = re.sub(r"\D", "", path.stem)
    return (int(digits) if digits else 0, path.name)
