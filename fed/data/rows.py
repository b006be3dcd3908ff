"""A federation of real eyes: from a list of rows, whatever collection they are of, to sites."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fed.config import Config
from fed.data.cases import Case, Pixels, SiteCases, owned
from fed.data.partition import Patient, claims, divide
from fed.data.pooling import keepers
from fed.data.prepared import PreparedReader
from fed.data.readers import readers
from fed.data.reading import ImageReader
from fed.errors import ConfigError, DataError, nearest
from fed.randomness import generator
from fed.sites import MODALITIES, Modality, Site


@dataclass(frozen=True)
class Row:
    """One eye of a collection.

    Attributes
    ----------
    case_id, patient_id : str
    label : int
        Index into the collection's classes.
    fundus, oct : Path or None
        Files as `load_fundus` and `load_oct` take them; None where there is no image.
    split : str or None
        The collection's official split that the eye is in.
    attributes : Mapping
        Anything else known, by name: what ``data.site_column`` may name.
    """

    case_id: str
    patient_id: str
    label: int
    fundus: Path | None
    oct: Path | None
    split: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def images(self) -> dict[Modality, Path]:
        """The files of the modalities the eye has."""
        paths: dict[Modality, Path | None] = {"fundus": self.fundus, "oct": self.oct}
        return {modality: path for modality, path in paths.items() if path is not None}

    def place(self, columns: Sequence[str]) -> str | None:
        """Return the values of attributes, joined by ``/``; None where one is not known.

        ``split`` names the official split.
        """
        known = {**self.attributes, "split": self.split or self.attributes.get("split", "")}
        values = [known.get(column, "") for column in columns]
        return "/".join(values) if all(values) else None


@dataclass(frozen=True)
class Collection:
    """The labelled eyes of a data set.

    Attributes
    ----------
    classes : tuple of str
        What the labels of the rows count through.
    """

    classes: tuple[str, ...]
    rows: tuple[Row, ...]


class RowsSource:
    """The sites of a configuration, with the eyes of a collection divided among them.

    Creating one checks everything except the image files, which `check` does.

    Parameters
    ----------
    config : Config
        ``data.require`` keeps only the eyes that have all of these modalities.
    collection : Collection
        Its classes must be those of the task, in the same order.

    Raises
    ------
    ConfigError, DataError
        If no eye is usable, two eyes claim one image file, a case id is there twice, or the sites
        ask for patients there are not.
    """

    def __init__(self, config: Config, collection: Collection) -> None:
        if collection.classes != config.task.classes:
            raise ConfigError(
                f"task.classes: [{', '.join(config.task.classes)}], but the labels of this "
                f"collection are [{', '.join(collection.classes)}], in this order"
            )
        self.rows = _usable(config, collection.rows)
        """The eyes that are used, at any site or at none, by case id."""
        self.readers = readers(config)
        _distinct(self.rows)
        self._sites = {site.name: site for site in keepers(config)}
        patients = _by_patient(self.rows)
        self._held = {
            name: _cases(config.seed, self._sites[name], (row for p in ids for row in patients[p]))
            for name, ids in self._assign(config, patients).items()
        }

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

    def check(self) -> None:
        """Make sure that every image is there and can be read, before any training.

        Raises
        ------
        DataError
            Naming the first ten files that cannot be read, each with its trouble, and how many
            there are.
        """
        for reader, images in self.images:
            reader.check(images)

    def _assign(
        self, config: Config, patients: Mapping[str, Sequence[Row]]
    ) -> Mapping[str, Sequence[str]]:
        """Return the patients of each site."""
        return divide(
            config.sites, _patients(config, patients), len(config.task.classes), config.seed
        )


class OwnRows(RowsSource):
    """One site's eyes, read where the site keeps them: nobody else's are there to be divided.

    Where the rows say whose they are (``data.site_column``) and the configuration names those of
    the site, the rows of others are left alone, their images too.

    Parameters
    ----------
    site : str
        The only site that can be opened.
    """

    def __init__(self, config: Config, collection: Collection, site: str) -> None:
        self._site = site
        claimed = dict(claim for group in config.sites for claim in claims(group))[site]
        columns = config.data.site_column
        own = tuple(
            row
            for row in collection.rows
            if not claimed or columns is None or row.place(columns) in (None, *claimed)
        )
        if not own:
            raise DataError(
                f"{config.data.path}: no row has {' or '.join(map(repr, claimed))} in column "
                f"{_named(columns)}, as site {site} needs"
            )
        super().__init__(config, Collection(collection.classes, own))

    def _assign(
        self, config: Config, patients: Mapping[str, Sequence[Row]]
    ) -> Mapping[str, Sequence[str]]:
        return {self._site: tuple(patients)}


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


def _usable(config: Config, rows: Sequence[Row]) -> tuple[Row, ...]:
    """Keep the eyes with an image and all required modalities, by case id."""
    required = config.data.require
    usable = [row for row in rows if row.images and all(m in row.images for m in required)]
    if not usable:
        wanted = " and ".join(required) or "fundus or oct"
        raise DataError(
            f"{config.data.path}: no usable eye: {len(rows)} with a label, none with {wanted}"
        )
    return tuple(sorted(usable, key=lambda row: row.case_id))


def _distinct(rows: Sequence[Row]) -> None:
    """Refuse a case id or an image that two rows share."""
    cases = Counter(row.case_id for row in rows)
    owner: dict[Path, str] = {}
    for row in rows:
        if cases[row.case_id] > 1:
            raise DataError(f"case {row.case_id} is there {cases[row.case_id]} times")
        for path in row.images.values():
            if path in owner:
                raise DataError(
                    f"{path}: given for both case {owner[path]} and case {row.case_id}; "
                    "an image is of one eye"
                )
            owner[path] = row.case_id


def _by_patient(rows: Iterable[Row]) -> dict[str, list[Row]]:
    patients: dict[str, list[Row]] = {}
    for row in rows:
        patients.setdefault(row.patient_id, []).append(row)
    return patients


def _patients(config: Config, rows: Mapping[str, Sequence[Row]]) -> list[Patient]:
    columns = config.data.site_column if _names(config) else None
    if _names(config) and columns is None:
        raise ConfigError(
            f"data.site_column: needed, because sites.{_names(config)[0][0]}.cases are names"
        )
    patients = []
    for patient_id, eyes in rows.items():
        places = {row.place(columns) or "" for row in eyes} if columns else {""}
        if len(places) > 1:
            raise DataError(
                f"{config.data.path}: patient {patient_id} is at several sites "
                f"({', '.join(sorted(places))}) by column {_named(columns)}; a patient is at one"
            )
        modalities = frozenset(modality for row in eyes for modality in row.images)
        labels = tuple(row.label for row in eyes)
        patients.append(Patient(patient_id, labels, modalities, places.pop() or None))
    _known_names(config, {patient.place for patient in patients})
    return patients


def _named(columns: Sequence[str] | None) -> str:
    return "/".join(map(repr, columns or ()))


def _names(config: Config) -> list[tuple[str, tuple[str, ...]]]:
    """Return the groups that name their sites' rows, with the names."""
    return [(g.name, g.cases) for g in config.sites if isinstance(g.cases, tuple)]


def _known_names(config: Config, places: set[str | None]) -> None:
    known = sorted(place for place in places if place)
    for group, names in _names(config):
        for name in names:
            if name not in known:
                raise DataError(
                    f"sites.{group}.cases: no usable eye has {name!r} in column "
                    f"{_named(config.data.site_column)}{nearest(name, known)}"
                )


def _cases(seed: int, site: Site, rows: Iterable[Row]) -> list[tuple[Case, Row]]:
    """Return the records a site keeps of its patients' eyes, by case id."""
    kept = [(case, row) for row in rows for case in _records(seed, site, row)]
    if not kept:
        raise DataError(
            f"sites.{site.group}: no eye with {' or '.join(site.modalities)} for site {site.name}"
        )
    return sorted(kept, key=lambda pair: pair[0].case_id)


def _records(seed: int, site: Site, row: Row) -> Iterator[Case]:
    available = [modality for modality in MODALITIES if modality in row.images]
    random = generator(seed, site.name, "ownership", row.case_id)
    return owned(row.case_id, row.patient_id, row.label, available, site, random)
