"""The retinal vessels: arcades from the optic disc, their branches, and twigs.

Each vessel is a cubic Bézier curve with a wiggle, in the complex plane: x is real, y imaginary, so
that turning a direction is a product. A tree is a few hundred numbers; `Tree.points` samples it as
finely as a drawing needs.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from fed.data.phantom.raster import Spots, widened

Plane = NDArray[np.complex128]

# The upper arcades of a right eye, the temporal one around the macula, the nasal one to the rim.
_TEMPORAL = (0.62, 0.58 - 0.44j, 0.05 - 0.70j, -0.80 - 0.46j)
_NASAL = (0.62, 0.68 - 0.25j, 0.82 - 0.42j, 1.00 - 0.62j)
_ARCADES = np.array([_TEMPORAL, _TEMPORAL, _NASAL, _NASAL])
_LOOSE = np.array([0.006, 0.035, 0.06, 0.07])
_BRANCHES, _TWIGS, _WIGGLES = 5, 2, 3
_AVASCULAR = 0.13
"""Radius around the fovea that vessels stay out of."""


@dataclass(frozen=True)
class Branching:
    """All vessels of one order, arteries and veins in turn.

    Attributes
    ----------
    curves : Plane
        Control points ``(vessels, 4)``, followed by the sizes of the wiggles ``(vessels, 3)``.
    width : NDArray
        Standard deviation of the profile at the start ``(vessels,)``; it tapers to half.
    reach : float
        About the length of the longest.
    """

    curves: Plane
    width: NDArray[np.float64]
    vein: NDArray[np.bool_]
    reach: float


@dataclass(frozen=True)
class Tree:
    """Arcades, branches and twigs of one eye."""

    orders: tuple[Branching, ...]

    def points(self, pixel: float) -> tuple[Spots, Spots]:
        """Sample arteries and veins for a drawing whose pixels are `pixel` wide.

        The weights make the Gaussians of neighbouring points add up to ridges of height 1.
        Branches and twigs far thinner than a pixel are left out.
        """
        arcades, *finer = self.orders
        drawn = [arcades, *(order for order in finer if order.width[0] > 0.15 * pixel)]
        sampled = [(order.vein, _sample(order, pixel)) for order in drawn]
        arteries = [points[:, ~vein].reshape(4, -1) for vein, points in sampled]
        veins = [points[:, vein].reshape(4, -1) for vein, points in sampled]
        return Spots(*np.concatenate(arteries, axis=1)), Spots(*np.concatenate(veins, axis=1))


def grow(disc: complex, side: float, random: np.random.Generator) -> Tree:
    """Grow the vessels of one eye from its optic disc."""
    loose = random.standard_normal((2, 8, 4)) * _LOOSE
    upper_and_lower = np.concatenate([_ARCADES, _ARCADES.conj()])
    arcades = upper_and_lower + loose[0] + 1j * loose[1]
    arcades[:, 0] += complex(abs(disc.real) - 0.62, disc.imag)
    width = np.tile([0.0085, 0.0115], 4)
    vein = np.tile([False, True], 4)
    orders = [_order(arcades, width, vein, 1.8, side, random)]
    curves = arcades
    for each, thinner, (short, long) in (
        (_BRANCHES, 0.58, (0.2, 0.42)),
        (_TWIGS, 0.6, (0.08, 0.18)),
    ):
        curves = _offshoots(curves, each, short, long, random)
        width, vein = np.repeat(width, each) * thinner, np.repeat(vein, each)
        orders.append(_order(curves, width, vein, long, side, random))
    return Tree(tuple(orders))


def _order(
    curves: Plane,
    width: NDArray[np.float64],
    vein: NDArray[np.bool_],
    reach: float,
    side: float,
    random: np.random.Generator,
) -> Branching:
    """Add wiggles, and mirror the vessels of a left eye."""
    size = random.standard_normal((2, len(curves), _WIGGLES)) * (0.018 * reach)
    shaped = np.concatenate([curves, size[0] + 1j * size[1]], axis=1)
    return Branching(shaped if side > 0 else -shaped.conj(), width, vein, reach)


def _offshoots(
    parents: Plane, each: int, short: float, long: float, random: np.random.Generator
) -> Plane:
    """Return `each` vessels that leave every parent at an angle, to either side in turn."""
    draw = random.random((4, len(parents), each))
    t = 0.15 + 0.8 * (np.arange(each) + 0.3 + 0.6 * draw[0]) / each
    s = 1 - t
    p0, p1, p2, p3 = parents.T[:, :, None]
    start = s**3 * p0 + 3 * s * s * t * p1 + 3 * s * t * t * p2 + t**3 * p3
    along = s * s * (p1 - p0) + 2 * s * t * (p2 - p1) + t * t * (p3 - p2)
    step = along / np.abs(along) * ((short + (long - short) * draw[1]) / 3)
    turn = (0.5 + 0.5 * draw[2]) * np.where(np.arange(each) % 2, 1, -1)
    first, second, third = step * np.exp(
        1j * turn * np.stack([1 + 0 * turn, draw[3], 0.5 * draw[3]])
    )
    points = np.cumsum([start, first, second, third], axis=0)
    points = np.moveaxis(points, 0, -1).reshape(-1, 4)
    return points * np.maximum(1.0, _AVASCULAR / np.maximum(np.abs(points), 1e-6))


def _sample(order: Branching, pixel: float) -> NDArray[np.float32]:
    """Return x, y, radius and weight of points along each vessel ``(4, vessels, points)``."""
    finest = float(widened(0.6 * order.width[0], pixel))
    count = int(np.ceil(order.reach / (2 * finest)))
    t, shapes = _along(count)
    place = order.curves @ shapes
    radius = order.width[:, None] * (1 - 0.5 * t)
    step = np.abs(np.diff(place, axis=1, append=2 * place[:, -1:] - place[:, -2:-1]))
    return np.stack([place.real, place.imag, radius, step / (np.sqrt(2 * np.pi) * radius)]).astype(
        np.float32
    )


@cache
def _along(count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return places along a vessel ``(count,)``, and there the shapes that it is a sum of."""
    t = (np.arange(count) + 0.5) / count
    s = 1 - t
    waves = [s * t * np.sin(np.pi * (k + 2) * t) * 4 / (k + 1) for k in range(_WIGGLES)]
    return t, np.array([s**3, 3 * s * s * t, 3 * s * t * t, t**3, *waves])
