"""What the labels of collections mean, and which of them is asked for."""

from collections.abc import Mapping
from typing import TypeVar

from fed.errors import ConfigError, nearest

CLASSES = {
    "amd": ("healthy", "early", "intermediate", "late"),
    "dr": ("non-vision-threatening", "vision-threatening"),
    "glaucoma": ("healthy", "glaucoma"),
}
"""The grades of a disease in the Harvard collections, mildest first."""


RETINOPATHY = ("none", "mild", "moderate", "severe", "proliferative")
"""The international clinical grades of diabetic retinopathy, 0 to 4."""

Chosen = TypeVar("Chosen")


def chosen(label: str, known: Mapping[str, Chosen], source: str) -> Chosen:
    """Return what belongs to the label that is asked for; ``grade`` asks for the first.

    Raises
    ------
    ConfigError
        For a label that the collection does not have.
    """
    if label == "grade":
        return next(iter(known.values()))
    if label not in known:
        allowed = ", ".join(["grade", *known])
        raise ConfigError(f"data.label: {label!r}; allowed for {source}: {allowed}")
    return known[label]


def classes_of(label: str) -> tuple[str, ...]:
    """Return the grades of the disease that ``data.label`` names.

    Raises
    ------
    ConfigError
        For any other name.
    """
    if label not in CLASSES:
        raise ConfigError(f"data.label: {label!r}{nearest(label, list(CLASSES))}")
    return CLASSES[label]
