"""What both drawings are made of: grids, sums of Gaussians, smooth and rough noise, tone curves.

A sum of axis-aligned Gaussians is a product of two thin matrices, which is why a phantom costs
about a millisecond. Cut off at a level, such a sum has the organic outlines of lesions.
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
    return (np.arange(size, dtype=np.float32) + 0.5) * (2 * extent / size) - extent


def spacing(grid: Array) -> float:
    """Return the distance between the points of a grid; 0 where there is one point."""
    return float(grid[1] - grid[0]) if len(grid) > 1 else 0.0


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


def widened(radius: Array, pixel: float) -> Array:
    """Return the radii of Gaussian spots as seen through pixels of width `pixel`."""
    return np.sqrt(radius * radius + 0.16 * pixel * pixel)


def profile(at: Array, centre: Array, width: Array) -> Array:
    """Return unit Gaussians ``(len(at), len(centre))``."""
    scale = 0.5**0.5 / width
    offset = at[:, None] * scale - centre * scale
    np.multiply(offset, offset, out=offset)
    np.negative(offset, out=offset)
    return np.exp(offset, out=offset)


def interpolation(size: int, knots: int) -> Array:
    """Return the matrix ``(size, knots)`` that spreads `knots` values smoothly over `size` pixels.

    Cubic convolution (Catmull-Rom) between evenly spaced knots, the outermost two beyond the edge.
    """
    position = np.linspace(1.0, knots - 2.0, size)
    distance = np.abs(position[:, None] - np.arange(knots)[None, :])
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    return np.where(distance < 1, near, np.where(distance < 2, far, 0)).astype(np.float32)


def blur(size: int, width: float) -> Array:
    """Return the matrix ``(size, size)`` of a Gaussian blur of `width` pixels."""
    offset = np.arange(size)[:, None] - np.arange(size)[None, :]
    kernel = np.exp(-0.5 * (offset / max(width, 1e-3)) ** 2)
    return (kernel / kernel.sum(axis=1, keepdims=True)).astype(np.float32)


def grain(shape: tuple[int, ...], random: np.random.Generator) -> Array:
    """Return noise of mean 0 and deviation 1, independent from pixel to pixel.

    The sum of two random bytes: close enough to normal for a picture, at a fifth of the cost.
    """
    count = int(np.prod(shape))
    pair = np.frombuffer(random.bytes(2 * count), dtype=np.int8).reshape(2, *shape)
    total = np.add(pair[0], pair[1], dtype=np.float32)
    total += 1.0
    total *= float(1 / np.sqrt(2 * (256**2 - 1) / 12))
    return total


def threshold(field: Array, level: float, softness: float) -> Array:
    """Return a mask that rises from 0 to 1 where `field` passes `level`, over `softness`."""
    return np.clip((field - level) * (1 / softness) + 0.5, 0, 1)


def tone_curve(black: float, contrast: float, gamma: float) -> Bytes:
    """Return the grey levels ``(1024,)`` that a device gives to intensities from 0 to 1.

    Parameters
    ----------
    black : float
        Grey level of darkness, a share of white.
    contrast : float
        Steepness around the middle, with black and white held; 0 for none.
    gamma : float
        Exponent.
    """
    level = np.linspace(0, 1, 1024) ** gamma
    level = level + contrast * level * (1 - level) * (level - 0.4)
    return (np.clip(black + (1 - black) * level, 0, 1) * 255 + 0.5).astype(np.uint8)


def expose(image: Array, curve: Bytes) -> Bytes:
    """Map intensities to grey levels; by table, as a power of every pixel would be dear."""
    return curve[np.clip(image * 1023, 0, 1023).astype(np.int16)]
