"""Harvard-30k in the form that RIMA and IMDR use: a folder a case, labels in two Excel sheets.

``<root>/<id>/data_<id>_fundus.png`` with ``data_<id>.nii``, or ``processed_data_<id>.nii`` for AMD;
or ``<root>/<id>/<id>.png`` with a folder of slices ``<root>/<id>/<id>``. ``train.xlsx`` and
``test.xlsx`` lie in the root. The axes of the NIfTI files are slices, depth, width.
"""

from pathlib import Path

from fed.data.account import WITHOUT_LABEL
from fed.data.collection import Collection, Row
from fed.data.layouts.diseases import classes_of
from fed.data.layouts.folders import first_present, missing_slices, numbered_folders
from fed.data.layouts.one_hot import read_one_hot
from fed.errors import DataError, first_ten

SHEETS = {"train": "train.xlsx", "test": "test.xlsx"}
FOUR_GRADES = (("class_0", "class_1", "class_2", "class_3"),)
TWO_GRADES = (("non", "early"), ("label1", "label2"))
"""Class columns of the sheets, from class 0 upwards."""


def read(root: Path, label: str) -> Collection:
    """Return the labelled cases of one disease.

    Parameters
    ----------
    root : Path
        The folder of the disease.
    label : {"amd", "dr", "glaucoma"}

    Raises
    ------
    ConfigError
        For another label.
    DataError
        If a sheet is wrong, a case is in both, or folders or files are missing: the first ten,
        and a count.
    """
    classes = classes_of(label)
    folders = numbered_folders(root)
    columns = FOUR_GRADES if len(classes) == 4 else TWO_GRADES
    labels = {split: read_one_hot(root / sheet, columns) for split, sheet in SHEETS.items()}
    both = sorted(labels["train"].keys() & labels["test"].keys())
    if both:
        shared = first_ten([str(number) for number in both])
        raise DataError(f"{root}: {len(both)} cases are in both train and test: {shared}")
    rows: list[Row] = []
    troubles: list[str] = []
    for split, cases in labels.items():
        for number, grade in sorted(cases.items()):
            if number not in folders:
                troubles.append(f"case {number} of {SHEETS[split]}: no folder")
                continue
            folder = folders[number]
            fundus, oct_ = _fundus(folder), _oct(folder)
            troubles += _missing(folder, fundus, oct_)
            rows.append(Row(folder.name, folder.name, grade, fundus, oct_, split))
    if troubles:
        raise DataError(f"{root}: {len(troubles)} missing: {first_ten(troubles)}")
    unlabelled = folders.keys() - labels["train"].keys() - labels["test"].keys()
    return Collection(classes, tuple(rows), {WITHOUT_LABEL: len(unlabelled)})


def _fundus(folder: Path) -> Path | None:
    case = folder.name
    return first_present([folder / f"data_{case}_fundus.png", folder / f"{case}.png"])


def _oct(folder: Path) -> Path | None:
    case = folder.name
    volumes = [folder / f"processed_data_{case}.nii", folder / f"data_{case}.nii"]
    return first_present([*volumes, folder / case])


def _missing(folder: Path, fundus: Path | None, oct_: Path | None) -> list[str]:
    troubles = [] if fundus else [f"{folder}: no data_{folder.name}_fundus.png"]
    if oct_ is None:
        return [*troubles, f"{folder}: no data_{folder.name}.nii"]
    return [*troubles, *(missing_slices(oct_) if oct_.is_dir() else [])]
