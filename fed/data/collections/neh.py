"""NEH (Noor Eye Hospital): B-scans in a folder a class, or in a folder a subject in these.

``{AMD,DME,NORMAL}/<CLASS>_<number>.jpeg``, or ``{AMD,DME,NORMAL}/<subject>/*`` with a volume a
subject (Rasti et al., IEEE Transactions on Medical Imaging 37, 2018).
"""

import re
from pathlib import Path

from fed.data.collection import Collection, Row
from fed.data.layouts.diseases import chosen
from fed.data.layouts.folders import complete, numeric, pictures

SPLITS = ("train", "val", "test")
CLASSES = ("NORMAL", "AMD", "DME")

BLOCK = 100
"""Consecutive numbers that count as one patient where subjects are not named: neighbours are slices
of one volume, and a volume, shorter than this, is then divided at most once."""


def read(root: Path, label: str) -> Collection:
    """Return B-scans, of made-up patients, or the volumes of subjects where these have folders.

    Parameters
    ----------
    root : Path
        The folder that holds those of the classes, or ``train``, ``val`` and ``test`` with these.
    label : {"disease"}

    Raises
    ------
    ConfigError
        For another label.
    DataError
        If a name has no number, or there is no scan.
    """
    classes = chosen(label, {"disease": CLASSES}, "neh")
    rows: list[Row] = []
    troubles: list[str] = []
    for split in (None, *SPLITS):
        for grade, name in enumerate(classes):
            folder = root / (split or "") / name
            for scan in pictures(folder):
                number = re.search(r"[0-9]+$", scan.stem)
                if number is None:
                    troubles.append(f"{scan}: a name is CLASS_number")
                    continue
                patient = f"{name}-block-{int(number[0]) // BLOCK:02}"
                case = scan.stem if split is None else f"{split}-{scan.stem}"
                rows.append(Row(case, patient, grade, None, scan, split))
            for subject in _subjects(folder):
                case = f"{name}-{subject.name}"
                rows.append(Row(case, case, grade, None, subject, split))
    return Collection(classes, complete(root, rows, troubles))


def _subjects(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted((found for found in folder.iterdir() if found.is_dir()), key=numeric)
