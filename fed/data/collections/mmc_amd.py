"""MMC-AMD: fundus photographs and B-scans of the same eyes, four classes.

``mmc-amd/ImageData/{cfp,oct}/{f,o}-<h|d|p|w>-....jpg``, the letter of the class after the first
dash, and the lists of the split by patient ``mmc-amd-splitAP-{train,val,test}/ImageSets`` and
``SubjectSets`` (Wang et al., MICCAI 2019, and the authors' notebooks).
"""

from itertools import zip_longest
from pathlib import Path

from fed.data.collection import Collection, Row
from fed.data.images import reading
from fed.data.layouts.diseases import chosen
from fed.data.layouts.folders import below, complete, first_present
from fed.errors import DataError

SPLITS = ("train", "val", "test")
SPLIT = "mmc-amd-splitAP"
CLASSES = ("normal", "dry AMD", "PCV", "wet AMD")
LETTERS = {letter: grade for grade, letter in enumerate("hdpw")}
IMAGES = {"cfp": ("cfp", "cfp-clahe-448x448"), "oct": ("oct", "oct-median3x3-448x448")}
"""Folders of each modality: originals, and as the authors prepared them."""


def read(root: Path, label: str) -> Collection:
    """Return the eyes. One of which there are more B-scans than photographs has a row for each.

    Parameters
    ----------
    root : Path
        The folder that holds ``mmc-amd`` and the folders of the split.
    label : {"amd"}

    Raises
    ------
    ConfigError
        For another label.
    DataError
        If a list or an image is missing, or an eye is of no subject that is listed.
    """
    classes = chosen(label, {"amd": CLASSES}, "mmc_amd")
    images = below(root, "mmc-amd") / "ImageData"
    folders = {
        modality: first_present([images / name for name in names]) or images / names[0]
        for modality, names in IMAGES.items()
    }
    rows: list[Row] = []
    troubles: list[str] = []
    for split in SPLITS:
        lists = below(root, SPLIT) / f"{SPLIT}-{split}"
        subjects = {name for m in IMAGES for name in _listed(lists / "SubjectSets" / f"{m}.txt")}
        eyes: dict[str, dict[str, list[Path]]] = {}
        for modality, folder in folders.items():
            for name in _listed(lists / "ImageSets" / f"{modality}.txt"):
                image = folder / f"{name}.jpg"
                if name[2:3] not in LETTERS:
                    troubles.append(f"{name}: the letter of its class is none of h, d, p, w")
                elif not image.is_file():
                    troubles.append(f"{image}: no such file")
                else:
                    eyes.setdefault(_eye(name), {}).setdefault(modality, []).append(image)
        for eye, found in eyes.items():
            patient = _subject(eye, subjects)
            if patient is None:
                troubles.append(f"{lists / 'SubjectSets'}: lists no subject of eye {eye}")
                continue
            pairs = zip_longest(found.get("cfp", []), found.get("oct", []))
            for number, (fundus, oct_) in enumerate(pairs, 1):
                case, told = f"{eye}-{number}", {"eye": eye}
                rows.append(Row(case, patient, LETTERS[eye[0]], fundus, oct_, split, told))
    return Collection(classes, complete(root, rows, troubles))


def _listed(path: Path) -> list[str]:
    if not path.is_file():
        raise DataError(f"{path}: there is no such list; the split by patient ({SPLIT}) is needed")
    with reading(path):
        return [name.strip() for name in path.read_text().splitlines() if name.strip()]


def _eye(name: str) -> str:
    """Return the eye that an image is of, as the authors' ``get_eyeid`` does."""
    return name[2:].partition("_")[0]


def _subject(eye: str, subjects: set[str]) -> str | None:
    """Return the subject an eye is of: the longest beginning of its name that is listed."""
    for name in (eye, eye[2:]):  # with the letter of the class, and without
        parts = name.split("-")
        for end in range(len(parts), 0, -1):
            if (subject := "-".join(parts[:end])) in subjects:
                return subject
    return None
