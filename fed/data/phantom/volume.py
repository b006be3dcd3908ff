"""What scans of every generation have in common: pockets of fluid, vessels in reach, speckle."""

import numpy as np

from fed.data.phantom.findings import Cysts
from fed.data.phantom.raster import Array, Spots, axis, grain, profile, spacing, threshold, widened
from fed.data.phantom.vessels import Tree


def depths(count: int) -> Array:
    """Return how deep `count` voxels lie, as shares of the frame: ``(1, count, 1)``."""
    return (axis(count, 0.5) + 0.5)[None, :, None]


def hollow(
    volume: Array, cysts: Cysts, inner: Array, outer: Array, x: Array, y: Array, bright: float
) -> None:
    """Hollow out pockets of fluid between two surfaces, in place.

    Parameters
    ----------
    volume : Array
        ``(slices, depth, width)``.
    cysts : Cysts
    inner, outer : Array
        The surfaces, as shares of the depth: ``(slices, width)``.
    x, y : Array
        Coordinates of columns ``(width,)`` and slices ``(slices,)``.
    bright : float
        Reflectivity of the fluid.
    """
    if not cysts.x.size:
        return
    z = depths(volume.shape[1])
    column = np.minimum(np.searchsorted(x, cysts.x), len(x) - 1)
    row = np.minimum(np.searchsorted(y, cysts.y), len(y) - 1)
    top = inner[row, column]
    room = outer[row, column] - top
    height = np.maximum(cysts.height * room, 0.6 / volume.shape[1])
    across = widened(cysts.radius, spacing(x))
    in_depth = profile(z.ravel(), top + cysts.depth * room, height)
    in_row = profile(y, cysts.y, across)
    in_column = profile(x, cysts.x, across)
    field: Array = np.matmul(in_row[:, None, :] * in_depth[None], in_column.T)
    field *= np.clip((z - inner[:, None, :]) * 20, 0, 1)
    volume += threshold(field, 0.5, 0.4) * (bright - volume)


def within(vessels: Tree, x: Array, reach: float) -> Spots:
    """Return points on the vessels within `reach` of the fovea, for columns at `x`."""
    points = np.concatenate(vessels.points(spacing(x)), axis=1)
    return Spots(*points[:, (np.abs(points[0]) < reach) & (np.abs(points[1]) < reach)])


def speckle(volume: Array, deviation: float, random: np.random.Generator) -> None:
    """Multiply `volume` by noise around 1, over a floor that darkness has, too; in place."""
    noise = grain(volume.shape, random)
    noise *= deviation
    noise += 1
    volume += 0.12
    volume *= noise
    volume -= 0.12
