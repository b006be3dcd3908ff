"""The retinal vessels: arcades from the optic disc, branches, twigs, as Bézier curves.

A tree is a handful of control points; `Tree.points` samples it as finely as a drawing needs.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fed.data.phantom.raster import Spots

# Control points of the arcades of a right eye, upper half, relative to (disc, fovea): the artery
# and vein of the temporal arcade run around the macula, those of the nasal one to the rim.
_TEMPORAL = np.array([[0.62, 0.0], [0.60, -0.42], [0.10, -0.62], [-0.78, -0.40]])
_NASAL = np.array([[0.62, 0.0], [0.70, -0.25], [0.84, -0.40], [1.00, -0.58]])
_BRANCHES = 5
_TWIGS = 2


@dataclass(frozen=True)
class Tree:
    """A tree of vessels.

    Attributes
    ----------
    curves : NDArray
        Control points of cubic Bézier curves ``(vessels, 4, 2)``, x before y.
    width : NDArray
        Standard deviation of the profile at both ends ``(vessels, 2)``.
    vein : NDArray
        Whether each vessel is a vein ``(vessels,)``.
    """

    curves: NDArray[np.float64]
    width: NDArray[np.float64]
    vein: NDArray[np.bool_]

    def points(self, spacing: float, vein: bool | None = None) -> Spots:
        """Sample all vessels, or only veins or arteries, at points about `spacing` apart.

        The weights make the Gaussians of neighbouring points add up to ridges of height 1.
        """
        chosen = slice(None) if vein is None else self.vein == vein
        curves, width = self.curves[chosen], self.width[chosen]
        length = np.linalg.norm(np.diff(curves, axis=1), axis=2).sum(axis=1)
        count = np.maximum(2, np.ceil(length / spacing)).astype(int)
        which = np.repeat(np.arange(len(curves)), count)
        first = np.cumsum(count) - count
        t = (np.arange(len(which)) - first[which] + 0.5) / count[which]
        place = (_bernstein(t)[:, :, None] * curves[which]).sum(axis=1)
        radius = width[which, 0] + (width[which, 1] - width[which, 0]) * t
        step = length[which] / count[which]
        weight = step / (np.sqrt(2 * np.pi) * radius)
        x, y, radius, weight = np.stack([place[:, 0], place[:, 1], radius, weight]).astype(
            np.float32
        )
        return Spots(x, y, radius, weight)


def grow(disc: tuple[float, float, float], side: float, random: np.random.Generator) -> Tree:
    """Grow the vessels of one eye from its optic disc."""
    arcades = np.stack([_TEMPORAL, _TEMPORAL, _NASAL, _NASAL])
    arcades = np.concatenate([arcades, arcades * [1, -1]])
    arcades = arcades + random.normal(0, 1, arcades.shape) * [[0.005], [0.035], [0.05], [0.06]]
    arcades[:, 0] += np.array([abs(disc[0]) - 0.62, disc[1]])
    vein = np.array([True, False] * 4)
    width = np.where(vein, 0.0135, 0.0100)[:, None] * [1.0, 0.45]

    start, along = _along(arcades, random, _BRANCHES)
    branches = _offshoots(start, along, 0.20 + 0.22 * random.random(len(start)), random)
    branch_width = np.repeat(width[:, 0] * 0.55, _BRANCHES)[:, None] * [1.0, 0.4]
    start, along = _along(branches, random, _TWIGS)
    twigs = _offshoots(start, along, 0.08 + 0.10 * random.random(len(start)), random)
    twig_width = np.repeat(branch_width[:, 0] * 0.6, _TWIGS)[:, None] * [1.0, 0.5]

    curves = np.concatenate([arcades, branches, twigs])
    return Tree(
        curves=curves * [side, 1.0],
        width=np.concatenate([width, branch_width, twig_width]),
        vein=np.concatenate(
            [vein, np.repeat(vein, _BRANCHES), np.repeat(vein, _BRANCHES * _TWIGS)]
        ),
    )


def _along(
    curves: NDArray[np.float64], random: np.random.Generator, each: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return `each` points a curve, and unit tangents there: ``(curves * each, 2)`` both."""
    t = (np.arange(each) + 0.3 + 0.6 * random.random((len(curves), each))) / each
    t = 0.15 + 0.8 * t
    start = np.einsum("vek,vkd->ved", _bernstein(t), curves)
    steps = np.diff(curves, axis=1)
    quadratic = np.stack([(1 - t) ** 2, 2 * t * (1 - t), t**2], axis=-1)
    along = np.einsum("vek,vkd->ved", quadratic, steps)
    along /= np.linalg.norm(along, axis=2, keepdims=True)
    return start.reshape(-1, 2), along.reshape(-1, 2)


def _offshoots(
    start: NDArray[np.float64],
    along: NDArray[np.float64],
    length: NDArray[np.float64],
    random: np.random.Generator,
) -> NDArray[np.float64]:
    """Return curves that leave `start` at an angle to `along`, alternately to either side."""
    turn = (0.6 + 0.5 * random.random(len(start))) * np.where(np.arange(len(start)) % 2, 1, -1)
    bend = turn * (0.3 + 0.6 * random.random(len(start)))
    first = _rotated(along, turn) * length[:, None] / 3
    second = _rotated(along, bend) * length[:, None] / 3
    third = _rotated(along, bend + random.normal(0, 0.35, len(start))) * length[:, None] / 3
    points = np.cumsum(np.stack([start, first, second, third], axis=1), axis=1)
    return _around_the_fovea(points)


def _around_the_fovea(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Push control points out of the avascular zone around the fovea."""
    distance = np.linalg.norm(points, axis=2, keepdims=True)
    return points * np.maximum(1.0, 0.14 / np.maximum(distance, 1e-6))


def _rotated(vectors: NDArray[np.float64], angle: NDArray[np.float64]) -> NDArray[np.float64]:
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = vectors[:, 0], vectors[:, 1]
    return np.stack([cos * x - sin * y, sin * x + cos * y], axis=1)


def _bernstein(t: NDArray[np.float64]) -> NDArray[np.float64]:
    s = 1 - t
    return np.stack([s**3, 3 * s**2 * t, 3 * s * t**2, t**3], axis=-1)
