"""Refusing what arrives, in words that a stranger cannot choose: short, and on one line."""

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, MetricRecord, RecordDict
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from fed.states import view

Parsed = TypeVar("Parsed", bound=BaseModel)
LONGEST_NAME = 200
"""Letters of a name, of a parameter or a case."""
LONGEST_SHOWN = 60
LARGEST = 1e6
"""No weight, statistic or feature of a site may be larger: honest ones are below 1e4, and sums over
sites stay far from the limits of float32."""


class RefusedReplyError(ValueError):
    """A reply that must not be used; the words say what was wrong with it first."""


def shown(value: object) -> str:
    """Return what a stranger sent as it may stand in a message: escaped, and cut."""
    words = ascii(value)
    return words if len(words) <= LONGEST_SHOWN else f"{words[:LONGEST_SHOWN]}..."


def check_records(content: RecordDict, expected: Mapping[str, type[Any]]) -> None:
    """Refuse records that are missing, of another kind, or that nobody asked for.

    Raises
    ------
    RefusedReplyError
    """
    for name in content:
        if name not in expected:
            raise RefusedReplyError(f"sent a record {shown(name)} that nobody asked for")
    for name, kind in expected.items():
        if not isinstance(content.get(name), kind):
            raise RefusedReplyError(f"sent no {kind.__name__} {name!r}")


def parsed(content: RecordDict, name: str, kind: type[Parsed]) -> Parsed:
    """Return what the JSON of a record says.

    Raises
    ------
    RefusedReplyError
        Naming the first key that is wrong.
    """
    record: ConfigRecord = content.config_records[name]
    text = record.get("json")
    if list(record) != ["json"] or not isinstance(text, str):
        raise RefusedReplyError(f"sent {name!r} without the one text it consists of")
    try:
        return kind.model_validate_json(text, strict=True)
    except ValidationError as error:
        raise RefusedReplyError(f"sent {name!r} with {_first(error)}") from None


def numbers(content: RecordDict, name: str, kind: type[Parsed]) -> Parsed:
    """Return what a record of numbers says.

    Raises
    ------
    RefusedReplyError
        Naming the first key that is wrong.
    """
    record: MetricRecord = content.metric_records[name]
    try:
        return kind.model_validate(dict(record), strict=True)
    except ValidationError as error:
        raise RefusedReplyError(f"sent {name!r} with {_first(error)}") from None


def arrays(record: ArrayRecord) -> dict[str, NDArray[Any]]:
    """Return the arrays of a record as read-only views.

    Raises
    ------
    RefusedReplyError
        Naming the first that cannot be read.
    """
    found: dict[str, NDArray[Any]] = {}
    for name, array in record.items():
        if len(name) > LONGEST_NAME:
            raise RefusedReplyError(f"sent an array whose name has {len(name)} letters")
        try:
            found[name] = view(array.data)
        except Exception as error:  # whatever numpy makes of bytes of a stranger
            reason = shown(str(error))
            raise RefusedReplyError(f"sent {shown(name)} as no array: {reason}") from None
    return found


def check_array(
    name: str, value: NDArray[Any], dtype: np.dtype[Any] | type[Any], shape: tuple[int, ...]
) -> None:
    """Refuse an array of another type or shape, or with values that no honest site sends.

    Raises
    ------
    RefusedReplyError
    """
    if value.shape != shape:
        raise RefusedReplyError(f"sent {name} of shape {shown(value.shape)}; expected {shape}")
    if value.dtype != dtype:
        expected = np.dtype(dtype)
        raise RefusedReplyError(f"sent {name} as {shown(str(value.dtype))}; expected {expected}")
    check_finite(name, value)


def check_finite(name: str, value: NDArray[Any], largest: float = LARGEST) -> None:
    """Refuse values that are not finite, or larger than allowed.

    Raises
    ------
    RefusedReplyError
    """
    if value.dtype.kind == "f" and not (np.abs(value) <= largest).all():
        finite = np.isfinite(value).all()
        raise RefusedReplyError(
            f"sent {name} with values {f'above {largest:g}' if finite else 'that are not finite'}"
        )


def check_names(what: str, found: Collection[str], expected: Collection[str]) -> None:
    """Refuse names that are missing or that nobody asked for.

    Raises
    ------
    RefusedReplyError
        Naming the first.
    """
    for name in found:
        if name not in expected:
            raise RefusedReplyError(f"sent {what} {shown(name)}, which nobody asked for")
    for name in expected:
        if name not in found:
            raise RefusedReplyError(f"sent no {what} {name}")


def _first(error: ValidationError) -> str:
    trouble = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in trouble["loc"])
    return f"{shown(place) if place else 'its content'}: {trouble['msg'].splitlines()[0][:120]}"
