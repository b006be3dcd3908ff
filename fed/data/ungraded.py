"""Eyes that nobody has graded yet: any list of them that training could read, labels aside.

And those few that a hospital has graded, to calibrate on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fed.config import Config
from fed.config.data import Data, sources
from fed.data.collection import Collection
from fed.data.layouts.tables import cell, known, table
from fed.data.manifest import read_manifest
from fed.errors import ConfigError, nearest
from fed.parts import source_reader
from fed.sites import MODALITIES, Modality


@dataclass(frozen=True)
class UngradedEye:
    """One eye and the files of its images, one of each modality it has."""

    case_id: str
    patient_id: str
    images: Mapping[Modality, Path]


@dataclass(frozen=True)
class Unreadable:
    """A row that is no eye, or an image of one that cannot be used, and why.

    Attributes
    ----------
    case_id, patient_id : str
        As far as the row tells.
    modality : str
        Empty where the trouble is the row's.
    file : str
    reason : str
    """

    case_id: str
    patient_id: str
    modality: str
    file: str
    reason: str


@dataclass(frozen=True)
class EyeList:
    """What a list of eyes holds: every row of it is among the one or the other."""

    eyes: tuple[UngradedEye, ...]
    unreadable: tuple[Unreadable, ...]


def read_eyes(source: str, path: Path, label: str) -> EyeList:
    """Read a list of eyes, in its order.

    Parameters
    ----------
    source : str
        ``manifest``, whose columns are those of training without the label; or a published
        collection, or a source of one's own, whose unlabelled eyes are counted and left out, as
        their reader tells of them no more than that.
    label : str
        What a collection that grades several things is asked for.

    Raises
    ------
    ConfigError
        If eyes of the source cannot be read from files.
    DataError
        Naming the file and what is wrong with it.
    """
    if source == "manifest":
        return _manifest(path)
    if source == "phantom":
        raise ConfigError("--source: phantom eyes are drawn, not read; give a manifest")
    if ":" not in source and source not in sources():
        raise ConfigError(f"--source: unknown source {source!r}{nearest(source, sources())}")
    reader = source_reader(source)
    return _collected(reader.read(path, label), path)


def read_graded(path: Path, config: Config) -> tuple[EyeList, dict[str, int]]:
    """Read a manifest of graded eyes: those of training, in the column ``grade``.

    Parameters
    ----------
    path : Path
    config : Config
        Whose classes, or their positions, are the grades.

    Returns
    -------
    EyeList
        An eye without a grade is among the unreadable.
    dict
        The class of each eye by its id.

    Raises
    ------
    DataError
        Naming the file and what is wrong with it.
    """
    data = Data(source="manifest", path=str(path))
    graded = read_manifest(config.model_copy(update={"data": data}), own=True)
    labels = {row.case_id: row.label for row in graded.rows}
    found = _manifest(path)
    without = tuple(
        Unreadable(eye.case_id, eye.patient_id, "", str(path), "no grade")
        for eye in found.eyes
        if eye.case_id not in labels
    )
    eyes = tuple(eye for eye in found.eyes if eye.case_id in labels)
    return EyeList(eyes, found.unreadable + without), labels


def _manifest(path: Path) -> EyeList:
    eyes: list[UngradedEye] = []
    unreadable: list[Unreadable] = []
    seen: dict[str, int] = {}
    for line, cells in table(path, ["case_id", *MODALITIES]):
        case_id = cells["case_id"]
        patient_id = known(cell(cells, "patient_id")) or case_id
        images = {m: path.parent / known(cells[m]) for m in MODALITIES if known(cells[m])}
        trouble = _trouble(case_id, images, seen)
        if trouble:
            told = f"line {line}: {trouble}"
            unreadable.append(Unreadable(case_id, patient_id, "", str(path), told))
        else:
            seen[case_id] = line
            eyes.append(UngradedEye(case_id, patient_id, images))
    return EyeList(tuple(eyes), tuple(unreadable))


def _trouble(case_id: str, images: Mapping[Modality, Path], seen: Mapping[str, int]) -> str:
    if not case_id:
        return "case_id is empty"
    if case_id in seen:
        return f"case_id is that of line {seen[case_id]}"
    return "" if images else "neither a fundus photograph nor an OCT is given"


def _collected(collection: Collection, path: Path) -> EyeList:
    eyes = tuple(
        UngradedEye(row.case_id, row.patient_id, row.images)
        for row in collection.rows
        if row.images
    )
    bare = tuple(
        Unreadable(row.case_id, row.patient_id, "", str(path), "no image")
        for row in collection.rows
        if not row.images
    )
    left_out = tuple(
        Unreadable("", "", "", str(path), f"{count} eyes {reason}")
        for reason, count in collection.left_out.items()
        if count
    )
    return EyeList(eyes, bare + left_out)


def read_counts(path: Path, classes: tuple[str, ...]) -> tuple[float, ...]:
    """Read how many cases of an archive are of each grade: a table with ``grade`` and ``count``.

    Raises
    ------
    ConfigError
        Naming the file, the line and what is allowed.
    """
    found: dict[str, float] = {}
    for line, cells in table(path, ["grade", "count"]):
        grade, count = cells["grade"], cells["count"]
        if grade not in classes:
            raise ConfigError(
                f"{path}, line {line}: unknown grade {grade!r}{nearest(grade, classes)}"
            )
        if grade in found:
            raise ConfigError(f"{path}, line {line}: {grade!r} is counted twice")
        if not count.isdecimal():
            raise ConfigError(f"{path}, line {line}: count is {count!r}; a whole number is needed")
        found[grade] = float(count)
    missing = [name for name in classes if name not in found]
    if missing:
        raise ConfigError(f"{path}: no count of {missing[0]}; 0 where there is none")
    if not sum(found.values()):
        raise ConfigError(f"{path}: all counts are 0")
    return tuple(found[name] for name in classes)
