"""The schema of where eyes come from: for a whole federation, and for a group of its sites."""

import pkgutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from fed.config.section import Count, Section, Whole
from fed.errors import nearest
from fed.sites import AXES, Axes, Modality

COLLECTIONS = Path(__file__).parents[1] / "data" / "collections"


def sources() -> tuple[str, ...]:
    """Return the names of all sources: those of public collections are found by listing them."""
    return (
        "phantom",
        "manifest",
        *sorted(m.name for m in pkgutil.iter_modules([str(COLLECTIONS)])),
    )


def numbers(names: Sequence[str]) -> dict[str, int]:
    """Map what a label may be written as to its class.

    These are the names of the classes and, unless one of them is itself a number, their positions.
    """
    known = {name: position for position, name in enumerate(names)}
    if not any(name.lstrip("+-").isdecimal() for name in names):
        known |= {str(position): position for position in range(len(names))}
    return known


def plain(label: str) -> str:
    """Return a whole number without the fraction that spreadsheets add: ``1`` for ``1.0``."""
    whole, point, fraction = label.partition(".")
    return whole if point and whole.lstrip("+-").isdecimal() and not fraction.strip("0") else label


def _known_source(value: Any) -> Any:
    if isinstance(value, str) and ":" not in value and value not in sources():
        raise ValueError(f"unknown source {value!r}{nearest(value, sources())}")
    return value


def _short_form(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _texts(value: Any) -> Any:
    """Read labels that YAML takes for numbers; refuse those it takes for true and false."""
    if not isinstance(value, dict):
        return value
    for text in (*value, *value.values()):
        if isinstance(text, bool):
            raise ValueError(
                f"YAML reads a label here as {str(text).lower()}; labels such as NO, on and yes "
                "need quotes"
            )
    return {plain(str(label)): plain(str(name)) for label, name in value.items()}


SourceName = Annotated[str, BeforeValidator(_known_source)]
Labels = Annotated[dict[str, str], Field(min_length=1), BeforeValidator(_texts)]
Columns = Annotated[tuple[str, ...], Field(min_length=1), BeforeValidator(_short_form)]


class Data(Section):
    """Where the eyes come from, and the size they are brought to."""

    source: SourceName = "phantom"
    """`phantom` draws synthetic eyes; the others read real ones: a `manifest`, or a public
    collection by its name (docs/data.md), or `package.module:Class` for one of your own."""
    version: Literal[1, 2] = 1
    """Which phantoms are drawn (docs/phantom.md): 1, eyes of one disease by severity; 2, patients
    with two eyes, whose disease `label` names: `amd`, `dr`, or `grade` for as many of either."""
    path: str | None = None
    """Root folder or manifest file of a real source; relative to the working directory."""
    label: str = "grade"
    """Label column of a manifest; what is graded in a collection that grades several things, such
    as `amd`, `dr` or `dme`."""
    labels: Labels | None = None
    """From the labels of the source to the task's classes, `{0: absent, 2: oedema}`; an eye with a
    label that is not named is left out and counted. null: the labels are the task's classes."""
    site_column: Columns | None = None
    """What names the site of each case: a column of the manifest, `split` (the official split of a
    published collection), or a demographic of FairVision. Of several, `[split, race]`, the values
    are joined: `train/Asian`. null: groups take shares of patients."""
    require: tuple[Modality, ...] = ()
    """Keep only the eyes that have all of these modalities, for instance `[fundus, oct]`."""
    image_size: Annotated[Whole, Field(ge=16)] = 64
    """Height and width of a fundus photograph, pixels."""
    volume_size: tuple[Count, Annotated[Whole, Field(ge=16)], Annotated[Whole, Field(ge=16)]] = (
        16,
        32,
        32,
    )
    """OCT slices, depth and width; one slice for B-scans."""
    oct_axes: Axes | None = None
    """What the axes of volumes in NIfTI files and arrays are, in their order, such as
    `[slices, depth, width]`; null: as their header says, or guessed by their lengths."""
    prepared: str | None = None
    """Folder of images decoded once, for real sources; null: they are decoded at each start."""

    @field_validator("oct_axes")
    @classmethod
    def _each_axis_once(cls, given: Axes | None) -> Axes | None:
        if given is not None and set(given) != set(AXES):
            raise ValueError(f"each of {', '.join(AXES)} once, in the order of the files")
        return given

    @property
    def real(self) -> bool:
        """Whether eyes are read, not drawn."""
        return self.source != "phantom"


class GroupData(Section):
    """A source of a group's own. A key that is null is as in `data`."""

    source: SourceName | None = None
    path: str | None = None
    """Needed where `source` is given."""
    label: str | None = None
    labels: Labels | None = None
    site_column: Columns | None = None
    require: tuple[Modality, ...] | None = None
    oct_axes: Axes | None = None

    def over(self, shared: Data) -> Data:
        """Return the federation's `data` with what the group says in its place."""
        said = {key: value for key, value in self if value is not None}
        return shared.model_copy(update=said)
