"""How a photograph is painted: the colours of a retina, and what covers what."""

from typing import Protocol

import numpy as np

from fed.data.phantom.raster import Array, Spots, gaussians
from fed.data.phantom.vessels import Tree

RGB = tuple[float, float, float]

_MACULA = (0.45, 0.19, 0.08)
_RIM = (0.93, 0.66, 0.38)
_CUP = (0.99, 0.88, 0.66)


class Anatomy(Protocol):
    """What a photograph shows of every eye: disc, cup and vessels."""

    @property
    def disc(self) -> complex:
        """Return the centre of the disc, in radii of the photograph."""

    @property
    def disc_radius(self) -> float:
        """Return its radius, in the same unit."""

    @property
    def cup(self) -> float:
        """Return the cup's radius, a share of the disc's."""

    @property
    def vessels(self) -> Tree:
        """Return arteries and veins."""


class Painter:
    """A retina of ``size x size`` pixels, on which spots are painted.

    Parameters
    ----------
    axis : Array
        Where its columns, and its rows, lie on the retina: ``(size,)``.
    artery, vein : tuple of float
        Their colours.
    """

    def __init__(self, axis: Array, artery: RGB, vein: RGB) -> None:
        self._axis, self._artery, self._vein = axis, artery, vein
        radius2 = axis[:, None] ** 2 + axis[None, :] ** 2
        self._macula = 0.40 * np.exp(radius2 / (-2 * 0.150**2))
        self._macula += 0.25 * np.exp(radius2 / (-2 * 0.045**2))

    def anatomy(self, image: Array, eye: Anatomy, pixel: float) -> None:
        """Paint macula, disc, cup and vessels into `image`, its pixels being `pixel` wide."""
        blend(image, self._macula, _MACULA)
        across = (self._axis - eye.disc.real) * 1.08
        down = self._axis - eye.disc.imag
        distance = np.sqrt((across * across)[None, :] + (down * down)[:, None])
        edge = min(33.0, len(self._axis) / 2)
        blend(image, np.clip((eye.disc_radius - distance) * edge + 0.5, 0, 0.92), _RIM)
        cup = eye.disc_radius * eye.cup
        blend(image, np.clip((cup - distance) * (edge / 2) + 0.5, 0, 0.8), _CUP)
        arteries, veins = eye.vessels.points(pixel)
        self.spots(image, arteries, 1.0, 0.8, self._artery)
        self.spots(image, veins, 1.0, 0.8, self._vein)

    def spots(self, image: Array, spots: Spots, edge: float, opacity: float, rgb: RGB) -> None:
        """Paint spots into `image`; the higher `edge`, the sharper their outlines."""
        if not spots.x.size:
            return
        cover = gaussians(spots, self._axis, self._axis)
        cover *= edge * opacity
        blend(image, np.minimum(cover, opacity, out=cover), rgb)


def colour(rgb: RGB) -> Array:
    """Return a colour as an image of one pixel: ``(3, 1, 1)``."""
    return np.array(rgb, dtype=np.float32)[:, None, None]


def blend(image: Array, cover: Array, rgb: RGB) -> None:
    """Move `image` towards a colour by `cover`, in place."""
    step = colour(rgb) - image
    step *= cover
    image += step
