"""The eyes of a data set, as they are read from it, before any site has them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fed.sites import Modality


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
        Anything else known, by name: what ``data.site_column`` may name. ``laterality`` tells a
        patient's eyes apart.
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
    rows : tuple of Row
    left_out : Mapping
        How many eyes were read but are not among the rows, by reason: "without a label".
    """

    classes: tuple[str, ...]
    rows: tuple[Row, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)
