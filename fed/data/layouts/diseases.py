"""What the labels of the Harvard collections mean."""

from fed.errors import ConfigError, nearest

CLASSES = {
    "amd": ("healthy", "early", "intermediate", "late"),
    "dr": ("non-vision-threatening", "vision-threatening"),
    "glaucoma": ("healthy", "glaucoma"),
}
"""The grades of a disease, mildest first."""


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
