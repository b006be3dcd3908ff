"""HEI-MED: 169 fundus photographs, one a patient, with the lesions that were drawn in them.

``DMED/<name>.jpg`` beside ``<name>.GND``, a text that names the lesions; a photograph without one
has none (Giancardo et al., Medical Image Analysis 16, 2012, and the authors' ``misc/Dmed.m``).
"""

import re
from collections import Counter
from pathlib import Path

from fed.data.collection import Collection, Row
from fed.data.images import reading
from fed.data.layouts.diseases import chosen
from fed.data.layouts.folders import below, complete, numeric

CLASSES = ("absent", "present")
LESIONS = {
    "exudates": "exudate",
    "dme": "exudate",
    "lesions": "exudate|microaneurysm",
}
"""What a ground truth names where a label is present. Oedema is judged by exudates."""

BAD = "marked as bad by the authors"


def read(root: Path, label: str) -> Collection:
    """Return the photographs.

    Parameters
    ----------
    root : Path
        The folder ``DMED``, or the one that holds it.
    label : {"exudates", "dme", "lesions"}
        The first two are one; the last asks for exudates or microaneurysms.

    Raises
    ------
    ConfigError
        For another label.
    DataError
        If there is no photograph, or a ground truth cannot be read.
    """
    wanted = re.compile(chosen(label, LESIONS, "heimed"), re.IGNORECASE)
    folder = below(root, "DMED")
    rows: list[Row] = []
    left_out: Counter[str] = Counter()
    bad = tuple(file.name for file in folder.glob("*bad"))
    for photograph in sorted(folder.glob("*.jpg"), key=numeric):
        if any(name.startswith(photograph.name) for name in bad):
            left_out[BAD] += 1
            continue
        truth = photograph.with_suffix(".GND")
        grade = int(truth.exists() and wanted.search(_text(truth)) is not None)
        name = photograph.stem.strip("()")
        rows.append(Row(name, name, grade, photograph, None))
    return Collection(CLASSES, complete(folder, rows, []), left_out)


def _text(path: Path) -> str:
    with reading(path):
        return path.read_text(encoding="latin-1")
