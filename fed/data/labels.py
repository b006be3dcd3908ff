"""From the labels of a collection to the classes of the task."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fed.config.data import Data, numbers
from fed.data.account import LABEL_NOT_MAPPED
from fed.data.collection import Collection
from fed.errors import ConfigError, nearest


def graded(collection: Collection, data: Data, classes: Sequence[str]) -> Collection:
    """Return a collection in the classes of the task, by ``data.labels`` where that is given.

    Eyes with a label that is not mapped are left out and counted.

    Raises
    ------
    ConfigError
        If a label that is mapped is none of the collection, or is mapped to two classes.
    """
    if data.labels is None:
        return collection
    mapped = _mapped(collection.classes, data.labels, classes)
    rows = tuple(
        replace(row, label=mapped[row.label]) for row in collection.rows if row.label in mapped
    )
    unmapped = len(collection.rows) - len(rows)
    return Collection(tuple(classes), rows, {**collection.left_out, LABEL_NOT_MAPPED: unmapped})


def _mapped(
    labels: Sequence[str], named: Mapping[str, str], classes: Sequence[str]
) -> dict[int, int]:
    """Return the class of each label that is mapped, both as positions."""
    theirs, ours = numbers(labels), numbers(classes)
    mapped: dict[int, int] = {}
    for label, name in named.items():
        if label not in theirs:
            raise ConfigError(f"data.labels: there is no label {label!r}{nearest(label, labels)}")
        if mapped.setdefault(theirs[label], ours[name]) != ours[name]:
            raise ConfigError(f"data.labels: {labels[theirs[label]]!r} is mapped to two classes")
    return mapped
