"""GAMMA: glaucoma grades of a fundus photograph and 256 OCT slices.

``multi-modality_images/0001/0001.jpg`` and ``multi-modality_images/0001/0001/0_image.jpg`` to
``255_image.jpg``; grades of the 100 labelled cases in ``glaucoma_grading_training_GT.xlsx``. The
other cases have no public label; they are counted, not read.
"""

from pathlib import Path

from fed.data.account import WITHOUT_LABEL
from fed.data.collection import Collection, Row
from fed.data.layouts.folders import missing_slices, numbered_folders
from fed.data.layouts.one_hot import read_one_hot
from fed.errors import ConfigError, DataError, first_ten

IMAGES = "multi-modality_images"
SHEET = "glaucoma_grading_training_GT.xlsx"
CLASSES = ("non", "early", "mid_advanced")
LABELS = ("grade", "glaucoma")


def read(root: Path, label: str) -> Collection:
    """Return the labelled cases; all are of the official training split.

    Parameters
    ----------
    root : Path
        The folder that holds the images' folder and the sheet.
    label : {"grade", "glaucoma"}
        Two names of the only label there is.

    Raises
    ------
    ConfigError
        For another label.
    DataError
        If the sheet is wrong, or folders, photographs or slices are missing: the first ten, and
        a count.
    """
    if label not in LABELS:
        raise ConfigError(f"data.label: {label!r}; allowed for gamma: {', '.join(LABELS)}")
    folders = numbered_folders(root / IMAGES)
    labels = read_one_hot(root / SHEET, [CLASSES])
    rows: list[Row] = []
    troubles: list[str] = []
    for number, grade in sorted(labels.items()):
        if number not in folders:
            troubles.append(f"case {number} of {SHEET}: no folder")
            continue
        folder = folders[number]
        fundus, slices = folder / f"{folder.name}.jpg", folder / folder.name
        if not fundus.is_file():
            troubles.append(f"{fundus}: no such file")
        troubles += (
            missing_slices(slices) if slices.is_dir() else [f"{slices}: no folder of slices"]
        )
        rows.append(Row(folder.name, folder.name, grade, fundus, slices, "train"))
    if troubles:
        raise DataError(f"{root}: {len(troubles)} missing: {first_ten(troubles)}")
    return Collection(CLASSES, tuple(rows), {WITHOUT_LABEL: len(folders.keys() - labels.keys())})
