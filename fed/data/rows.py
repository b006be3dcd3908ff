"""A federation of real eyes: from a list of rows, whatever collection they are of, to sites."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from fed.config import Config
from fed.config.groups import SiteGroup
from fed.data.account import (
    AT_NO_SITE,
    WITHOUT_IMAGE,
    WITHOUT_OWNED,
    WITHOUT_REQUIRED,
    Account,
)
from fed.data.cases import Case, Pixels, SiteCases, owned
from fed.data.cautions import Held, equal_images, several_labels, telling_devices
from fed.data.collection import Collection, Row
from fed.data.doubts import Doubt, image_warnings
from fed.data.limits import allow_kept
from fed.data.partition import Patient, divide
from fed.data.pooling import keepers
from fed.data.prepared import PreparedReader
from fed.data.readers import readers
from fed.data.reading import Decoder, ImageReader
from fed.data.subgroups import groups_of
from fed.errors import ConfigError, DataError, first_ten, nearest
from fed.randomness import generator
from fed.sites import MODALITIES, Modality, Site


class RowsSource:
    """The sites of a configuration, with the eyes of a collection divided among them.

    Creating one checks everything except the image files, which `check` does.

    Parameters
    ----------
    config : Config
        ``data.require`` keeps only the eyes that have all of these modalities.
    collection : Collection
        Its classes must be those of the task, in the same order.
    groups : sequence of SiteGroup, optional
        Those that share the collection out among their sites; all of the configuration by default.

    Raises
    ------
    ConfigError, DataError
        If no eye is usable, two eyes claim one image file, a case id is there twice, or the sites
        ask for patients there are not.
    """

    def __init__(
        self, config: Config, collection: Collection, groups: Sequence[SiteGroup] | None = None
    ) -> None:
        self._config = config
        self._groups = config.sites if groups is None else tuple(groups)
        names = {group.name for group in self._groups}
        if collection.classes != config.task.classes:
            raise ConfigError(
                f"task.classes: [{', '.join(config.task.classes)}], but the labels of "
                f"{config.data.source} are [{', '.join(collection.classes)}], in this order; "
                "data.labels maps them"
            )
        self._left_out = Counter(collection.left_out)
        self.rows = _usable(config, collection.rows, self._left_out)
        """The eyes that are used, at any site or at none, by case id."""
        self.readers = readers(config)
        _distinct(self.rows)
        self._sites = {site.name: site for site in keepers(config) if site.group in names}
        patients = _by_patient(self.rows)
        self._assigned = self._assign(patients)
        self._held = {
            name: _cases(config, self._sites[name], (row for p in ids for row in patients[p]))
            for name, ids in self._assigned.items()
        }
        self._equal: tuple[str, ...] = ()
        self.doubts: tuple[Doubt, ...] = ()

    @property
    def name(self) -> str:
        """What is read, and where it lies."""
        return f"{self._config.data.source} {self._config.data.path}"

    @property
    def sites(self) -> Sequence[Site]:
        """All sites, in the order of the configuration."""
        return tuple(self._sites.values())

    def open(self, name: str) -> SiteCases:
        """Return the cases of one site; touches no other site's images."""
        held = self._held[name]
        images = RowImages(tuple(row for _, row in held), self.readers)
        return SiteCases(self._sites[name], tuple(case for case, _ in held), images)

    @property
    def images(self) -> list[tuple[ImageReader, list[tuple[Modality, Path]]]]:
        """Each reader with the image files of all eyes that it is to read."""
        paths = [image for row in self.rows for image in row.images.items()]
        return [
            (reader, [image for image in paths if self.readers[image[0]] == reader])
            for reader in dict.fromkeys(self.readers.values())
        ]

    @property
    def held(self) -> Iterator[Held]:
        """Every case of every site that takes part, with the eye it is of."""
        for name, pairs in self._held.items():
            if self._config.judge is not None and self._sites[name].role == "train":
                continue
            for case, row in pairs:
                yield Held(self._sites[name], case, row, self._config.data)

    @cached_property
    def accounts(self) -> Sequence[Account]:
        """What became of the rows that were read."""
        left_out, data = self._left_out.copy(), self._config.data
        at_sites = {patient for ids in self._assigned.values() for patient in ids}
        used = {row.case_id for pairs in self._held.values() for _, row in pairs}
        homeless = [row for row in self.rows if row.patient_id not in at_sites]
        left_out.update(_reasons(self._groups, data.site_column, homeless))
        left_out[WITHOUT_OWNED] += len(self.rows) - len(homeless) - len(used)
        cases = sum(map(len, self._held.values()))
        return (Account(self.name, len(used), cases, dict(left_out)),)

    @property
    def warnings(self) -> Sequence[str]:
        """What a reader of the results must know of the eyes; of equal images only once checked."""
        held = tuple(self.held)
        doubts = several_labels(self.name, held)
        telling = telling_devices(held, self._config)
        return (*doubts, *telling, *self._equal, *image_warnings(self.doubts))

    def check(self) -> None:
        """Make sure that every image is there and can be read, before any training.

        Raises
        ------
        DataError
            Naming the first ten files that cannot be read, each with its trouble, and how many
            there are.
        """
        self.read()
        self._equal = equal_images(self.held, self.readers.values())

    def read(self) -> None:
        """Read every image once, as `check` does, and compare none."""
        self._fits_into_memory()
        self.doubts = tuple(
            doubt for reader, images in self.images for doubt in reader.check(images)
        )

    def _fits_into_memory(self) -> None:
        """Refuse images that are decoded and kept, and take more memory than there is."""
        decoded = {m: reader for m, reader in self.readers.items() if isinstance(reader, Decoder)}
        counts = {
            m: sum(m in case.modalities for pairs in self._held.values() for case, _ in pairs)
            for m in decoded
        }
        wanted = sum(counts[m] * reader.size(m) for m, reader in decoded.items())
        allow_kept(self.name, counts, wanted)

    def _assign(self, patients: Mapping[str, Sequence[Row]]) -> Mapping[str, Sequence[str]]:
        """Return the patients of each site."""
        known = _patients(self._config, self._groups, patients)
        classes = len(self._config.task.classes)
        return divide(self._groups, known, classes, self._config.seed)


@dataclass(frozen=True)
class RowImages:
    """Reads the images of one site."""

    rows: tuple[Row, ...]
    readers: Mapping[Modality, ImageReader]

    @property
    def mapped(self) -> bool:
        """Whether they are prepared."""
        return all(isinstance(reader, PreparedReader) for reader in self.readers.values())

    def fundus(self, index: int) -> Pixels:
        """Return colour fundus photograph ``(3, height, width)`` of the site's case `index`."""
        return self.readers["fundus"].read("fundus", self.rows[index].images["fundus"])

    def oct(self, index: int) -> Pixels:
        """Return OCT volume ``(slices, depth, width)`` of the site's case `index`."""
        return self.readers["oct"].read("oct", self.rows[index].images["oct"])


def _usable(config: Config, rows: Sequence[Row], left_out: Counter[str]) -> tuple[Row, ...]:
    """Keep the eyes with an image and all required modalities, by case id; count the others."""
    required = config.data.require
    pictured = [row for row in rows if row.images]
    usable = [row for row in pictured if all(m in row.images for m in required)]
    left_out[WITHOUT_IMAGE] += len(rows) - len(pictured)
    left_out[WITHOUT_REQUIRED] += len(pictured) - len(usable)
    if not usable:
        wanted = " and ".join(required) or "fundus or oct"
        raise DataError(
            f"{config.data.path}: no usable eye: {len(rows)} with a label, none with {wanted}"
        )
    return tuple(sorted(usable, key=lambda row: row.case_id))


def _distinct(rows: Sequence[Row]) -> None:
    """Refuse a case id or an image that two rows share, by whatever path."""
    cases = Counter(row.case_id for row in rows)
    owner: dict[str, str] = {}
    for row in rows:
        if cases[row.case_id] > 1:
            raise DataError(f"case {row.case_id} is there {cases[row.case_id]} times")
        for path in row.images.values():
            real = os.path.realpath(path)
            if real in owner:
                raise DataError(
                    f"{path}: given for both case {owner[real]} and case {row.case_id}; "
                    "an image is of one eye"
                )
            owner[real] = row.case_id


def _by_patient(rows: Iterable[Row]) -> dict[str, list[Row]]:
    patients: dict[str, list[Row]] = {}
    for row in rows:
        patients.setdefault(row.patient_id, []).append(row)
    return patients


def _patients(
    config: Config, groups: Sequence[SiteGroup], rows: Mapping[str, Sequence[Row]]
) -> list[Patient]:
    naming = _names(groups)
    columns = config.data.site_column if naming else None
    if naming and columns is None:
        raise ConfigError(f"data.site_column: needed, because sites.{naming[0][0]}.cases are names")
    patients = []
    for patient_id, eyes in rows.items():
        places = {row.place(columns) or "" for row in eyes} if columns else {""}
        if len(places) > 1:
            raise DataError(
                f"{config.data.path}: patient {patient_id} is at several sites "
                f"({', '.join(sorted(places))}) by column {named_columns(columns)}; a patient is at one"
            )
        modalities = frozenset(modality for row in eyes for modality in row.images)
        labels = tuple(row.label for row in eyes)
        patients.append(Patient(patient_id, labels, modalities, places.pop() or None))
    known = sorted({patient.place for patient in patients if patient.place})
    for group, names in naming:
        for name in names:
            if name not in known:
                raise DataError(
                    f"sites.{group}.cases: no usable eye has {name!r} in column "
                    f"{named_columns(columns)}{nearest(name, known)}"
                )
    return patients


def named_columns(columns: Sequence[str] | None) -> str:
    """Return the names of columns as a message has them."""
    return "/".join(map(repr, columns or ()))


def _names(groups: Sequence[SiteGroup]) -> list[tuple[str, tuple[str, ...]]]:
    """Return the groups that name their sites' rows, with the names."""
    return [(group.name, group.cases) for group in groups if isinstance(group.cases, tuple)]


def _reasons(
    groups: Sequence[SiteGroup], columns: Sequence[str] | None, homeless: Iterable[Row]
) -> Counter[str]:
    """Say why rows are at no site, and how many of them for each reason."""
    owners: dict[str | None, set[Modality]] = {}
    for group in groups:
        for name in group.cases if isinstance(group.cases, tuple) else (None,):
            owners.setdefault(name, set()).update(m for m in MODALITIES if group.ownership[m])
    reasons: Counter[str] = Counter()
    unnamed: Counter[str] = Counter()
    for row in homeless:
        place = row.place(columns) if columns and _names(groups) else None
        claimed = place if place in owners else None
        if claimed not in owners and place is not None:
            unnamed[place] += 1
        elif claimed not in owners:
            reasons[f"without a value in {named_columns(columns)}"] += 1
        elif owners[claimed].isdisjoint(row.images):
            reasons[WITHOUT_OWNED] += 1
        else:
            reasons[AT_NO_SITE] += 1
    if unnamed:
        reasons[f"at sites that no group names ({first_ten(sorted(unnamed))})"] = unnamed.total()
    return reasons


def _cases(config: Config, site: Site, rows: Iterable[Row]) -> list[tuple[Case, Row]]:
    """Return the records a site keeps of its patients' eyes, by case id."""
    kept = [(case, row) for row in rows for case in _records(config, site, row)]
    if not kept:
        raise DataError(
            f"sites.{site.group}: no eye with {' or '.join(site.modalities)} for site {site.name}"
        )
    return sorted(kept, key=lambda pair: pair[0].case_id)


def _records(config: Config, site: Site, row: Row) -> Iterator[Case]:
    available = [modality for modality in MODALITIES if modality in row.images]
    random = generator(config.seed, site.name, "ownership", row.case_id)
    groups = groups_of(row, config.evaluation.subgroups)
    for case in owned(row.case_id, row.patient_id, row.label, available, site, random):
        yield replace(case, groups=groups)
