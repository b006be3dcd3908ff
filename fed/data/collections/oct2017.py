"""OCT2017 (Kermany): 109,000 B-scans in a folder a class, and patients in their names.

``{train,test,val}/{CNV,DME,DRUSEN,NORMAL}/<CLASS>-<patient>-<scan>.jpeg`` (Kermany et al., Cell 172,
2018). A patient may be in several classes and, in some copies, in several of the folders.
"""

from pathlib import Path

from fed.data.collection import Collection, Row
from fed.data.layouts.diseases import chosen
from fed.data.layouts.folders import below, complete, pictures

SPLITS = ("train", "val", "test")
CLASSES = ("NORMAL", "DRUSEN", "CNV", "DME")


def read(root: Path, label: str) -> Collection:
    """Return the B-scans of all of the folders that are there.

    Parameters
    ----------
    root : Path
        The folder that holds ``train``, ``val`` and ``test``, or ``OCT2017`` with these.
    label : {"disease"}

    Raises
    ------
    ConfigError
        For another label.
    DataError
        If a name tells no patient, or there is no scan.
    """
    classes = chosen(label, {"disease": CLASSES}, "oct2017")
    folder = below(root, "OCT2017")
    rows: list[Row] = []
    troubles: list[str] = []
    for split in SPLITS:
        for grade, name in enumerate(classes):
            for scan in pictures(folder / split / name):
                parts = scan.stem.split("-")
                if len(parts) != 3:
                    troubles.append(f"{scan}: a name is CLASS-patient-scan")
                    continue
                rows.append(Row(f"{split}-{scan.stem}", parts[1], grade, None, scan, split))
    return Collection(classes, complete(folder, rows, troubles))
