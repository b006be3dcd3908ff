"""Where two configurations part."""

from collections.abc import Mapping
from typing import Any

from fed.config.refusal import shown


def first_difference(ours: Mapping[str, Any], theirs: Mapping[str, Any], path: str = "") -> str:
    """Return the first key that differs with both values, theirs first; empty if none does."""
    for key in dict.fromkeys([*ours, *theirs]):
        value, other = ours.get(key), theirs.get(key)
        if value == other:
            continue
        if isinstance(value, Mapping) and isinstance(other, Mapping):
            return first_difference(value, other, f"{path}{key}.")
        return f"{path}{key} ({shown(other)}, here {shown(value)})"
    return ""
