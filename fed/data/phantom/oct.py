"""Macular OCT volumes: B-scans of 6 x 6 mm around the fovea, vitreous up."""

from math import exp
from typing import NamedTuple

import numpy as np

from fed.data.phantom.findings import Eye
from fed.data.phantom.raster import (
    Array,
    Bytes,
    Spots,
    axis,
    blur,
    expose,
    gaussians,
    interpolation,
    threshold,
    tone_curve,
)
from fed.data.phantom.style import OctStyle
from fed.data.phantom.volume import depths, hollow, speckle, within

EXTENT = 0.45
"""Half the width of a scan, in radii of the photograph."""


class _Layer(NamedTuple):
    """Thickness of a layer away from the fovea and at it, in depths of a scan; reflectivity."""

    thickness: float
    at_fovea: float
    bright: float


_LAYERS = {
    "nerve fibres": _Layer(0.036, 0.000, 0.74),
    "ganglion cells": _Layer(0.078, 0.006, 0.50),
    "inner nuclear": _Layer(0.036, 0.004, 0.30),
    "outer plexiform": _Layer(0.026, 0.008, 0.50),
    "outer nuclear": _Layer(0.070, 0.110, 0.20),
    "ellipsoid": _Layer(0.024, 0.026, 0.72),
    "outer segments": _Layer(0.022, 0.030, 0.40),
    "fluid": _Layer(0.0, 0.0, 0.06),
    "epithelium": _Layer(0.032, 0.032, 0.92),
    "drusen": _Layer(0.0, 0.0, 0.50),
}
(_FIBRES, _GANGLION, _, _, _NUCLEAR, _ELLIPSOID, _SEGMENTS, _FLUID, _EPITHELIUM, _DRUSEN) = range(
    len(_LAYERS)
)
_VITREOUS = 0.05
_CYST = 0.06
_CHOROID = 0.46


class OctScanner:
    """An OCT scanner.

    Parameters
    ----------
    volume_size : tuple of int
        Slices, depth and width of its volumes. One slice is the B-scan through the fovea.
    style : OctStyle
        How it differs from the average scanner.
    """

    def __init__(self, volume_size: tuple[int, int, int], style: OctStyle) -> None:
        slices, depth, width = self._size = volume_size
        self._x = axis(width, EXTENT)
        self._y = axis(slices, EXTENT)
        self._z = depths(depth)
        across, along = self._x[None, :] / EXTENT, self._y[:, None] / EXTENT
        radius = np.sqrt(across**2 + along**2)
        thickness, at_fovea, bright = np.array(list(_LAYERS.values()), dtype=np.float32).T
        rim = 1 + 0.15 * np.exp((radius - 0.55) ** 2 / -0.08)
        pit = np.exp(radius**2 / (-2 * 0.22**2))
        self._flat = thickness[:, None, None] * rim
        self._pit = (at_fovea - thickness)[:, None, None] * pit * rim
        self._bright = bright[:, None, None]
        self._nasal = 0.7 * across
        self._posture = np.stack(
            [
                np.ones_like(radius),
                np.broadcast_to(across, radius.shape),
                np.broadcast_to(along, radius.shape),
                0.3 - radius**2,
            ]
        )
        self._position = (0.68 + 0.03 * style.position, 0.022 * style.tilt, 0.0, 0.035)
        self._across, self._down = interpolation(width, 13), interpolation(depth, 13)

        self._attenuation = 0.7 * exp(0.4 * style.attenuation)
        self._lens = blur(width, 0.012 * width * exp(0.4 * style.blur)).T
        uncorrelated = float(np.linalg.norm(self._lens[:, width // 2]))
        self._speckle = 0.16 * exp(0.35 * style.speckle) / uncorrelated
        self._gain = exp(0.05 * style.brightness)
        black = max(0.0, 0.04 + 0.03 * style.brightness)
        self._curve = tone_curve(black, 0.5 * style.contrast, 0.85 * exp(0.16 * style.gamma))

    def scan(self, eye: Eye, random: np.random.Generator) -> Bytes:
        """Scan `eye`: ``(slices, depth, width)``."""
        lost = self._map(eye.atrophy)
        atrophy = threshold(lost, 0.45, 0.25)
        thickness, bright = self._layers(eye, lost, atrophy)
        bruch = self._bruch(random)
        surfaces = np.empty((len(thickness) + 1, *bruch.shape), dtype=np.float32)
        surfaces[-1] = bruch
        surfaces[:-1] = bruch - np.cumsum(thickness[::-1], axis=0)[::-1]
        volume = self._stack(surfaces, bright)
        inner, outer = surfaces[0], surfaces[_ELLIPSOID]
        hollow(volume, eye.cysts, inner, outer, self._x, self._y, _CYST)
        self._absorb(volume, eye, inner, bruch, atrophy, random)
        return self._record(volume, random)

    def _map(self, spots: Spots) -> Array:
        """Sum spots over the area of the scan: ``(slices, width)``."""
        return gaussians(spots, self._x, self._y)

    def _bruch(self, random: np.random.Generator) -> Array:
        """Depth of Bruch's membrane: tilt, curvature of the eye, motion between B-scans."""
        own = random.standard_normal(4) * (0.015, 0.022, 0.02, 0.012) + self._position
        motion = 0.004 * random.standard_normal((len(self._y), 1), dtype=np.float32)
        return np.tensordot(own.astype(np.float32), self._posture, axes=1) + motion

    def _layers(self, eye: Eye, lost: Array, atrophy: Array) -> tuple[Array, Array]:
        """Return thickness and reflectivity of the layers: ``(layers, slices, width)`` both."""
        drusen = 0.05 * self._map(eye.drusen)
        cysts = eye.cysts
        swollen = 0.25 * self._map(Spots(cysts.x, cysts.y, cysts.radius, cysts.height))
        intact = 1 - 0.75 * atrophy
        thin = 1 - 0.70 * np.minimum(lost, 1)

        thickness = np.maximum(self._flat + eye.pit * self._pit, 0) * eye.thickness
        thickness[_FIBRES] *= (1 + eye.side * self._nasal) * (1 - eye.thinning)
        thickness[_GANGLION] *= 1 - eye.thinning
        thickness[_NUCLEAR] = np.maximum(thickness[_NUCLEAR] * thin - 0.6 * drusen, 0.015) + swollen
        thickness[_ELLIPSOID : _EPITHELIUM + 1] *= thin
        thickness[_FLUID] = 0.12 * self._map(eye.detachment)
        thickness[_DRUSEN] = drusen * intact

        bright = np.broadcast_to(self._bright, thickness.shape).copy()
        bright[_ELLIPSOID] *= np.clip(1 - 18 * drusen, 0.15, 1) * intact
        bright[_EPITHELIUM] *= intact
        return thickness, bright

    def _stack(self, surfaces: Array, bright: Array) -> Array:
        """Fill the volume layer by layer; voxels that a surface crosses are mixed."""
        depth = self._size[1]
        rises = np.diff(bright, axis=0, prepend=_VITREOUS, append=_CHOROID)
        tops = surfaces * depth - 0.5
        z = self._z * depth
        volume = np.full(self._size, _VITREOUS, dtype=np.float32)
        passed = np.empty_like(volume)
        for top, rise in zip(tops, rises, strict=True):
            np.subtract(z, top[:, None, :], out=passed)
            np.clip(passed, 0, 1, out=passed)
            passed *= rise[:, None, :]
            volume += passed
        return volume

    def _absorb(
        self,
        volume: Array,
        eye: Eye,
        inner: Array,
        bruch: Array,
        atrophy: Array,
        random: np.random.Generator,
    ) -> None:
        """Fade with depth, less so behind atrophy; choroidal vessels, shadows of retinal ones."""
        behind = np.maximum(self._z - bruch[:, None, :], 0)
        below = np.maximum(self._z - inner[:, None, :], 0)
        rate = 1 / ((0.10 * eye.choroid) * (1 + 1.6 * atrophy))
        loss = behind * rate[:, None, :]
        loss += self._attenuation * below
        volume *= np.exp(-loss)
        knots = random.standard_normal((self._size[0], 13, 13), dtype=np.float32)
        lumina = self._down @ (0.22 * knots) @ self._across.T
        volume *= 1 + lumina * np.minimum(behind * 50, 1)
        shade = np.clip(below * 30 - 1.2, 0, 1)
        vessels = within(eye.vessels, self._x, EXTENT + 0.05)
        volume *= 1 - 0.5 * np.minimum(self._map(vessels), 1)[:, None, :] * shade

    def _record(self, volume: Array, random: np.random.Generator) -> Bytes:
        """Add speckle and blur, and map to grey levels."""
        speckle(volume, self._speckle, random)
        gain = self._gain * exp(0.06 * random.standard_normal())
        return expose(volume @ (self._lens * gain), self._curve)
