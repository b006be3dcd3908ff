"""OCTDL: B-scans in a folder a disease, with patients and eyes in a CSV file.

``OCTDL/<CLASS>/<class>_<patient>_<scan>.jpg`` and ``OCTDL_labels.csv`` (Kulyabin et al., Scientific
Data 11, 2024).
"""

from pathlib import Path

from fed.data.collection import Collection, Row
from fed.data.layouts.diseases import chosen
from fed.data.layouts.folders import below, complete, first_present, pictures
from fed.data.layouts.tables import known, table

SHEET = "OCTDL_labels.csv"
CLASSES = ("NO", "AMD", "DME", "ERM", "RAO", "RVO", "VID")


def read(root: Path, label: str) -> Collection:
    """Return the B-scans, with what the CSV file tells of them as attributes.

    Parameters
    ----------
    root : Path
        The folder that holds the CSV file and the folders of classes, or ``OCTDL`` with these.
    label : {"disease"}

    Raises
    ------
    ConfigError
        For another label.
    DataError
        If the CSV file is wrong, or a scan is in only one of folders and CSV file.
    """
    classes = chosen(label, {"disease": CLASSES}, "octdl")
    folder = below(root, "OCTDL")
    sheet = first_present([folder / SHEET]) or root / SHEET
    scans = {
        scan.stem: (scan, grade)
        for grade, name in enumerate(CLASSES)
        for scan in pictures(folder / name)
    }
    rows: list[Row] = []
    troubles: list[str] = []
    for line, cells in table(sheet, ["file_name", "disease", "patient_id"]):
        stem = cells["file_name"].removesuffix(".jpg")
        scan, grade = scans.pop(stem, (None, None))
        if scan is None or grade is None:
            troubles.append(f"{SHEET}, line {line}: no folder of a class holds {stem}.jpg")
        elif CLASSES[grade] != cells["disease"]:
            troubles.append(f"{scan}: {SHEET} says {cells['disease']!r}")
        else:
            told = {**cells, "laterality": known(cells.get("eye", ""))}
            rows.append(Row(stem, cells["patient_id"] or stem, grade, None, scan, None, told))
    troubles += [f"{scan}: not in {SHEET}" for scan, _ in scans.values()]
    return Collection(classes, complete(folder, rows, troubles))
