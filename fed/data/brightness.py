"""From brightness of any depth to 8 bits: what black and white are stored as.

The header says it, or the type does. Where neither can (12 bits in a type of 16, fractions, 8 bits
kept as floats) the depth is the least that holds all but a thousandth of the values; never does
one bright voxel decide, and what was guessed so is told.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fed.data.cases import Pixels
from fed.errors import DataError

DEPTHS = (255, 4095, 65535)
"""White in 8, 12 and 16 bits."""

SPARE = 1e-3
"""Share of the values that may lie beyond black or white: specks, and ringing of a resampling."""

OVERSHOOT = 1.1
"""Values up to this many times white do not speak against a depth."""

RINGING, MOST_RINGING = 0.02, 0.05
"""Values that lie by this share of white below 0 are ringing while they are no larger a share."""

OWN_RANGE = "negative values, or more than 16 bits, so that black and white are its own"

MASKED = 1e30
"""Values beyond it stand for what was not measured, and are black."""

LOOKED_AT = 1_000_000
"""Values that quantiles are taken of."""


@dataclass(frozen=True)
class Scale:
    """What black and white are stored as.

    Attributes
    ----------
    black, white : float
    guess : str or None
        How it was found, where neither type nor header tell it.
    """

    black: float
    white: float
    guess: str | None = None


def to_bytes(values: NDArray[Any], path: Path, white: float | None = None) -> Pixels:
    """Bring brightness of any depth to 8 bits.

    Images of one device so keep their brightness relative to each other. Only where values are
    negative or beyond 16 bits no depth is known, and the image's own range becomes 0 to 255. What
    lies beyond black and white is clipped to them.

    Parameters
    ----------
    values : array
        Of any shape; integers, floats or truth values.
    white : float, optional
        What white is stored as, by the file's header.

    Raises
    ------
    DataError
        If the values are not real numbers, some are not finite, all are masked, or there are none.
    """
    return scaled(values, scale_of(values, path, white))


def scale_of(values: NDArray[Any], path: Path, white: float | None = None) -> Scale:
    """Return what black and white are stored as, by header, type or, told so, by the values.

    Raises
    ------
    DataError
        As `to_bytes` does.
    """
    if values.dtype.kind not in "buif" or values.size == 0:
        raise DataError(
            f"{path}: an array of {values.dtype} with shape {values.shape}; numbers are needed"
        )
    if values.dtype.kind == "f":
        _finite(values, path)
    if values.dtype.kind == "b":
        return Scale(0, 1)
    if values.dtype == np.uint8 and white is None:
        return Scale(0, 255)
    if white is not None:
        return Scale(0, white)
    depths = _depths(values.dtype)
    for depth in depths if not _negative(values) else ():
        if _few_over(values, depth * OVERSHOOT):
            usual = depth == depths[-1] or (values.dtype.kind == "f" and depth <= DEPTHS[0])
            words = f"{values.dtype} values are taken for {int(depth).bit_length()} bits"
            return Scale(0, depth, None if usual else words)
    low, high = _range(values)
    return Scale(low, high, OWN_RANGE)


def scaled(values: NDArray[Any], scale: Scale) -> Pixels:
    """Return values in 8 bits, from black to white; masked ones are black."""
    if values.dtype == np.uint8 and (scale.black, scale.white) == (0, 255):
        return values
    wide = values.dtype == np.uint16
    table = _scaled(np.arange(1 << 16, dtype=np.uint16), scale) if wide else None
    result = np.empty(values.shape, np.uint8)
    for plane, into in zip(_planes(values), _planes(result), strict=True):  # to spare memory
        into[...] = _scaled(plane, scale) if table is None else table[plane]
    return result


def _scaled(values: NDArray[Any], scale: Scale) -> Pixels:
    span = scale.white - scale.black
    real = values.astype(np.float64)
    if values.dtype.kind == "f":
        real[np.abs(real) > MASKED] = scale.black
    return (
        np.rint((real - scale.black) * (255.0 / span if span else 0.0))
        .clip(0, 255)
        .astype(np.uint8)
    )


def _depths(dtype: np.dtype[Any]) -> tuple[float, ...]:
    """Return what white may be in a type, the least first, the whole type last."""
    if dtype.kind == "f":
        return (1, *DEPTHS)
    whole = int(np.iinfo(dtype).max)
    return (*(depth for depth in DEPTHS if depth < whole), *([whole] if whole < 1 << 16 else []))


def _planes(values: NDArray[Any]) -> Iterator[NDArray[Any]]:
    yield from values if values.ndim > 2 else [values]


def _finite(values: NDArray[Any], path: Path) -> None:
    if not all(np.isfinite(plane).all() for plane in _planes(values)):
        raise DataError(f"{path}: holds values that are not finite numbers (NaN or infinite)")
    if all((np.abs(plane) > MASKED).all() for plane in _planes(values)):
        raise DataError(f"{path}: every value is masked (beyond {MASKED:g})")


def _few_over(values: NDArray[Any], bound: float) -> bool:
    """Whether hardly any of the values that are not masked lie beyond a bound."""
    count = sum(
        int(np.count_nonzero((plane > bound) & (plane < MASKED))) for plane in _planes(values)
    )
    return count <= SPARE * values.size


def _negative(values: NDArray[Any]) -> bool:
    """Whether values below 0 are more than the ringing of a resampling."""
    if values.dtype.kind == "u":
        return False
    sample = _sample(values)
    high = max(0.0, float(np.quantile(sample, 1 - SPARE)))
    return float((sample < -RINGING * high).mean()) > MOST_RINGING


def _range(values: NDArray[Any]) -> tuple[float, float]:
    """Return the values that all but a thousandth at each end lie between."""
    low, high = np.quantile(_sample(values), (SPARE, 1 - SPARE))
    return float(low), float(high)


def _sample(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return values that are not masked, evenly chosen where there are many."""
    flat = values.ravel(order="K")
    for step in (-(-values.size // LOOKED_AT), 1):
        sample = flat[::step].astype(np.float64)
        sample = sample[np.abs(sample) < MASKED]
        if sample.size:
            break
    return sample
