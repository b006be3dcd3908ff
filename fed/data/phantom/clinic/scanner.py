"""Macular OCT volumes of the second generation: B-scans around the fovea, vitreous up."""

from math import exp

import numpy as np

from fed.data.phantom.clinic.devices import ScannerStyle
from fed.data.phantom.clinic.eye import Eye
from fed.data.phantom.clinic.literature import MOTION
from fed.data.phantom.clinic.recording import bent, compressed
from fed.data.phantom.clinic.retina import ELLIPSOID, Retina
from fed.data.phantom.raster import (
    Array,
    Bytes,
    axis,
    blur,
    expose,
    gaussians,
    interpolation,
)
from fed.data.phantom.volume import depths, hollow, speckle, within

EXTENT = 0.45
"""Half the width of a scan of 6 mm, in radii of the photograph."""
DEPTH = 1150.0
"""Depth of the frame, micrometres."""
_VITREOUS, _CHOROID, _CYST = 0.05, 0.50, 0.05
_FRAMES = 9
"""Averaged into a B-scan by the average scanner."""


class Scanner:
    """An OCT scanner.

    Parameters
    ----------
    volume_size : tuple of int
        Slices, depth and width of its volumes. One slice is the B-scan through the fovea.
    style : ScannerStyle
        How it differs from the average scanner.
    """

    def __init__(self, volume_size: tuple[int, int, int], style: ScannerStyle) -> None:
        slices, depth, width = self._size = volume_size
        extent = EXTENT * exp(0.3 * style.field)
        self._x, self._y = axis(width, extent), axis(slices, extent)
        self._z = depths(depth)
        self._retina = Retina(self._x, self._y)
        across, along = self._x[None, :] / EXTENT, self._y[:, None] / EXTENT
        radius2 = across**2 + along**2
        self._posture = np.stack(
            [
                np.ones_like(radius2),
                np.broadcast_to(across, radius2.shape),
                np.broadcast_to(along, radius2.shape),
                0.3 - radius2,
            ]
        )
        self._across, self._down = interpolation(width, 13), interpolation(depth, 13)
        self._lens = blur(width, 0.012 * width).T
        uncorrelated = float(np.linalg.norm(self._lens[:, width // 2]))
        frames = _FRAMES * exp(1.2 * style.averaging)
        self._speckle = 0.48 / (frames**0.5 * uncorrelated)
        self._curve = bent(style.curve, 0.06 + 0.06 * style.range)
        self._taken = _taken(slices, style.spacing)
        self._compression = style.compression

    def scan(self, eye: Eye, random: np.random.Generator) -> Bytes:
        """Scan `eye`: ``(slices, depth, width)``."""
        atrophy = self._retina.atrophy_of(eye)
        thickness, bright = self._retina.layers(eye, atrophy)
        thickness *= 1 / DEPTH
        bruch = self._bruch(random)
        surfaces = np.empty((len(thickness) + 1, *bruch.shape), dtype=np.float32)
        surfaces[-1] = bruch
        surfaces[:-1] = bruch - np.cumsum(thickness[::-1], axis=0)[::-1]
        volume = self._stack(surfaces, bright)
        inner, outer = surfaces[0], surfaces[ELLIPSOID]
        hollow(volume, eye.lesions.cysts, inner, outer, self._x, self._y, _CYST)
        self._absorb(volume, eye, inner, bruch, atrophy, random)
        return self._record(volume, random)

    def _bruch(self, random: np.random.Generator) -> Array:
        """Depth of Bruch's membrane: tilt, curvature of the eye, motion between B-scans."""
        own = random.standard_normal(4) * (0.012, 0.02, 0.02, 0.012) + (0.72, 0.0, 0.0, 0.035)
        restless = 0.05 if random.random() < MOTION else 0.004
        motion = restless * random.standard_normal((len(self._y), 1), dtype=np.float32)
        return np.tensordot(own.astype(np.float32), self._posture, axes=1) + motion

    def _stack(self, surfaces: Array, bright: Array) -> Array:
        """Fill the volume layer by layer; voxels that a surface crosses are mixed.

        Each surface changes the brightness of everything below it. The changes are noted where they
        begin, in two voxels of each column, and added up from above.
        """
        slices, depth, width = self._size
        rises = np.diff(bright, axis=0, prepend=_VITREOUS, append=_CHOROID)
        tops = np.clip(surfaces * depth - 0.5, -1, depth)
        first = np.floor(tops).astype(np.intp) + 1
        share = first - tops
        column = np.arange(slices)[:, None] * ((depth + 3) * width) + np.arange(width)
        at = first * width + column
        weights = np.concatenate([(rises * share).ravel(), (rises * (1 - share)).ravel()])
        places = np.concatenate([at.ravel(), (at + width).ravel()])
        changes = np.bincount(places, weights, minlength=slices * (depth + 3) * width)
        volume = changes.reshape(slices, depth + 3, width)[:, :depth].astype(np.float32)
        return np.cumsum(volume, axis=1, out=volume) + np.float32(_VITREOUS)

    def _absorb(
        self,
        volume: Array,
        eye: Eye,
        inner: Array,
        bruch: Array,
        atrophy: Array,
        random: np.random.Generator,
    ) -> None:
        """Fade with depth; light passes where the pigment epithelium is gone; shadows of vessels."""
        behind = np.maximum(self._z - bruch[:, None, :], 0)
        below = np.maximum(self._z - inner[:, None, :], 0)
        rate = 1 / ((0.17 * eye.patient.choroid) * (1 + 2.5 * atrophy))
        loss = behind * rate[:, None, :]
        loss += 0.6 * below
        volume *= np.exp(-loss)
        deep = np.minimum(behind * 50, 1)
        knots = random.standard_normal((self._size[0], 13, 13), dtype=np.float32)
        texture = self._down @ (0.22 * knots) @ self._across.T
        texture += (0.55 * atrophy)[:, None, :]
        texture *= deep
        texture += 1
        volume *= texture
        shade = np.clip(below * 30 - 1.2, 0, 1)
        vessels = within(eye.vessels, self._x, float(self._x[-1]) + 0.05)
        cover = np.minimum(gaussians(vessels, self._x, self._y), 1)
        volume *= 1 - 0.5 * cover[:, None, :] * shade

    def _record(self, volume: Array, random: np.random.Generator) -> Bytes:
        """Add speckle and blur, map to grey levels, repeat the B-scans that were not taken."""
        speckle(volume, self._speckle, random)
        gain = exp(0.06 * random.standard_normal())
        levels = expose(volume @ (self._lens * gain), self._curve)[self._taken]
        if not self._compression:
            return levels
        return compressed(levels.reshape(-1, self._size[2]), self._compression).reshape(self._size)


def _taken(slices: int, deviation: float) -> np.ndarray:
    """Return which B-scan is shown in the place of each: its own, or that of a neighbour."""
    step = 1 + min(2.0 * deviation, 3.0)
    first = np.arange(slices)
    return np.floor(np.floor(first / step + 1e-9) * step + 0.5).astype(np.intp)
