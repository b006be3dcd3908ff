"""What makes scores on real eyes look better or worse than they are, as far as files tell.

None of it is refused: published collections have all of it. It is counted and named.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fed.config import Config
from fed.config.data import Data
from fed.confounds import device_label_confound
from fed.data.cases import Case
from fed.data.collection import Row
from fed.data.contents import equal
from fed.data.prepared import PreparedReader
from fed.data.reading import ImageReader
from fed.errors import first_ten
from fed.sites import MODALITIES, Site

DEVICES = ("source", "device", "camera", "scanner", "manufacturer", "model", "study")
"""Columns, in any case, that tell the machine a picture was taken with, or stand for it."""

SOURCE = "data source"

MOST_DEVICES = 100
"""A column with more values than this tells something else than devices."""


@dataclass(frozen=True)
class Held:
    """A case at a site, the eye it is of, and the source that was read for it."""

    site: Site
    case: Case
    row: Row
    data: Data

    @property
    def devices(self) -> dict[str, str]:
        """What is known of the devices, by column; the source itself is one of them."""
        columns = {n: v for n, v in self.row.attributes.items() if n.casefold() in DEVICES and v}
        return {SOURCE: f"{self.data.source} {self.data.path}", **columns}


def several_labels(source: str, held: Iterable[Held]) -> tuple[str, ...]:
    """Count the patients whose images differ in label, where nothing tells their eyes apart."""
    labels: dict[str, set[int]] = defaultdict(set)
    for each in held:
        if not each.row.attributes.get("laterality"):
            labels[each.row.patient_id].add(each.row.label)
    several = sorted(patient for patient, found in labels.items() if len(found) > 1)
    if not several:
        return ()
    count = "1 patient has" if len(several) == 1 else f"{len(several):,} patients have"
    return (
        f"{source}: {count} images of several labels and no laterality (two eyes, or two visits); "
        f"all of a patient's images are on one side of every split: {first_ten(several)}",
    )


def equal_images(held: Iterable[Held], readers: Iterable[ImageReader]) -> tuple[str, ...]:
    """Name the images that are at two places: first those that train and judge.

    Only images of equal size are read, and none whose hash a prepared folder notes.

    Raises
    ------
    DataError
        If one of them cannot be read.
    """
    where = {
        path: each
        for each in held
        for modality, path in each.row.images.items()
        if modality in each.case.modalities
    }
    known: dict[Path, str] = {}
    for reader in dict.fromkeys(readers):
        if isinstance(reader, PreparedReader):
            known |= reader.open_index().look_up(where)
    apart: list[str] = []
    together = 0
    for paths in equal(where, known):
        sides = {where[path].site.role: path for path in paths}
        if len(sides) == 2:
            apart.append(f"{sides['held_out']} and {sides['train']}")
        else:
            together += len(paths) - 1
    found = []
    if apart:
        count = "1 image is" if len(apart) == 1 else f"{len(apart):,} images are"
        found.append(
            f"{count} the same, byte for byte, at a held-out and at a training site, so that the "
            f"model is judged on what it was shown: {first_ten(apart)}"
        )
    if together:
        count = "1 image is a copy" if together == 1 else f"{together:,} images are copies"
        found.append(f"{count}, byte for byte, of another on the same side")
    return tuple(found)


def telling_devices(held: Sequence[Held], config: Config) -> tuple[str, ...]:
    """Warn of devices and sources that predict the label among the cases that train."""
    found = []
    for modality in MODALITIES:
        training = [
            each for each in held if each.site.role == "train" and modality in each.case.modalities
        ]
        columns = dict.fromkeys(name for each in training for name in each.devices)
        for column in columns:
            told = [
                (each.devices[column], each.row.label)
                for each in training
                if column in each.devices
            ]
            values = {value: row for row, value in enumerate(sorted({value for value, _ in told}))}
            if len(values) > MOST_DEVICES:
                continue
            counts = np.zeros((len(values), len(config.task.classes)), dtype=np.int64)
            for value, label in told:
                counts[values[value], label] += 1
            confound = device_label_confound(counts, column, config.seed, modality)
            if confound.raised:
                found.append(f"training, {modality}: {confound.words}")
    return tuple(found)
