"""What both drawings are made of: grids, sums of Gaussians, smooth noise, edges.

A sum of axis-aligned Gaussians is a product of two thin matrices, which is why a phantom costs
about a millisecond. Thresholded, such a sum gives the organic outlines of lesions.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Bytes = NDArray[np.uint8]


class Spots(NamedTuple):
    """Gaussian spots on the back of the eye.

    Attributes
    ----------
    x, y : Array
        Centres ``(n,)``: the fovea is the origin, 1 is the radius of the photograph, y points
        down.
    radius : Array
        Standard deviations ``(n,)``.
    weight : Array
        Heights ``(n,)``.
    """

    x: Array
    y: Array
    radius: Array
    weight: Array


def axis(size: int, extent: float = 1.0) -> Array:
    """Return the centres of `size` pixels that span ``[-extent, extent]``."""
    return ((np.arange(size, dtype=np.float32) + 0.5) * (2 / size) - 1) * np.float32(extent)


def gaussians(spots: Spots, x: Array, y: Array) -> Array:
    """Sum `spots` over a grid.

    Spots smaller than a pixel are widened to it and lose height accordingly, as in a camera.

    Parameters
    ----------
    x, y : Array
        Coordinates of the columns ``(w,)`` and rows ``(h,)``.

    Returns
    -------
    Array
        ``(h, w)``
    """
    wide_x, wide_y = widened(spots.radius, spacing(x)), widened(spots.radius, spacing(y))
    height = spots.weight * spots.radius * spots.radius / (wide_x * wide_y)
    return (height * profile(y, spots.y, wide_y)) @ profile(x, spots.x, wide_x).T


def profile(at: Array, centre: Array, width: Array) -> Array:
    """Return unit Gaussians ``(len(at), len(centre))``."""
    scale = np.float32(np.sqrt(0.5)) / width
    offset = at[:, None] * scale - centre * scale
    np.multiply(offset, offset, out=offset)
    np.negative(offset, out=offset)
    return np.exp(offset, out=offset)


def widened(radius: Array, pixel: float) -> Array:
    """Return the radii of Gaussian spots as seen through pixels of width `pixel`."""
    return np.sqrt(radius * radius + np.float32(0.16 * pixel * pixel))


def spacing(grid: Array) -> float:
    """Return the distance between the points of a grid; 0 where there is one point."""
    return float(grid[1] - grid[0]) if len(grid) > 1 else 0.0


def interpolation(size: int, knots: int) -> Array:
    """Return the matrix ``(size, knots)`` that spreads `knots` values smoothly over `size` pixels.

    Cubic convolution (Catmull-Rom) between evenly spaced knots.
    """
    position = np.linspace(0.5, knots - 2.5, size) if knots > 3 else np.zeros(size)
    distance = np.abs(position[:, None] + 0.5 - np.arange(knots)[None, :])
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    return np.where(distance < 1, near, np.where(distance < 2, far, 0)).astype(np.float32)


def blur(size: int, width: float) -> Array:
    """Return the matrix ``(size, size)`` of a Gaussian blur of `width` pixels, edges repeated."""
    offset = np.arange(size)[:, None] - np.arange(size)[None, :]
    kernel = np.exp(-0.5 * (offset / max(width, 1e-3)) ** 2)
    return (kernel / kernel.sum(axis=1, keepdims=True)).astype(np.float32)


def threshold(field: Array, level: float, softness: float) -> Array:
    """Return a mask that rises from 0 to 1 where `field` passes `level`, over `softness`."""
    return np.clip((field - np.float32(level)) / np.float32(softness) + np.float32(0.5), 0, 1)


def tone(image: Array, gain: float, black: float, contrast: float, gamma: float) -> Bytes:
    """Map intensities of about [0, 1] to grey levels by a device's tone curve.

    The curve is a table of 1024 entries: a power of every pixel would cost more than the drawing.

    Parameters
    ----------
    gain : float
        Factor on the intensities.
    black : float
        Grey level of darkness, a share of white.
    contrast : float
        Steepness around the middle, with black and white held; 0 for none.
    gamma : float
        Exponent.
    """
    level = np.minimum(np.linspace(0, gain, 1024), 1) ** gamma
    level = level + contrast * level * (1 - level) * (level - 0.4)
    table = (np.clip(black + (1 - black) * level, 0, 1) * 255 + 0.5).astype(np.uint8)
    return table[np.clip(image * np.float32(1023), 0, 1023).astype(np.int16)]
