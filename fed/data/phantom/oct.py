"""Macular OCT volumes: B-scans of 6 x 6 mm around the fovea, vitreous up."""

from dataclasses import dataclass

import numpy as np

from fed.data.phantom.findings import Eye
from fed.data.phantom.raster import (
    Array,
    Bytes,
    Spots,
    axis,
    blur,
    gaussians,
    interpolation,
    profile,
    threshold,
    tone,
)
from fed.data.phantom.style import OctStyle

EXTENT = 0.45
"""Half the width of a scan, in radii of the photograph."""

_VITREOUS = 0.05
_FLUID = 0.06
_DRUSE = 0.50
_CHOROID = 0.46


@dataclass(frozen=True)
class _Layer:
    """Thickness of a layer away from the fovea and at it, in depths of a scan; reflectivity."""

    thickness: float
    at_fovea: float
    bright: float


_NERVE_FIBRES = _Layer(0.036, 0.000, 0.74)
_GANGLION_CELLS = _Layer(0.078, 0.006, 0.50)
_INNER_NUCLEAR = _Layer(0.036, 0.004, 0.30)
_OUTER_PLEXIFORM = _Layer(0.026, 0.008, 0.50)
_OUTER_NUCLEAR = _Layer(0.070, 0.110, 0.20)
_ELLIPSOID = _Layer(0.024, 0.026, 0.72)
_OUTER_SEGMENTS = _Layer(0.022, 0.030, 0.40)
_EPITHELIUM = _Layer(0.032, 0.032, 0.92)


class OctScanner:
    """Scans volumes of one size.

    Parameters
    ----------
    volume_size : tuple of int
        Slices, depth, width. One slice is the B-scan through the fovea.
    """

    def __init__(self, volume_size: tuple[int, int, int]) -> None:
        self.size = volume_size
        slices, depth, width = volume_size
        self._x = axis(width, EXTENT)
        self._y = axis(slices, EXTENT)
        self._z = (axis(depth, 0.5) + np.float32(0.5))[None, :, None]
        radius2 = (self._y[:, None] ** 2 + self._x[None, :] ** 2) / np.float32(EXTENT**2)
        self._pit = np.exp(-radius2 / np.float32(2 * 0.22**2))
        self._rim = np.exp(-((np.sqrt(radius2) - np.float32(0.55)) ** 2) / np.float32(0.08))
        self._across = interpolation(width, 13)
        self._down = interpolation(depth, 13)

    def scan(self, eye: Eye, style: OctStyle, random: np.random.Generator) -> Bytes:
        """Scan `eye` as a device of `style` sees it: ``(slices, depth, width)``."""
        lost = self._map(eye.atrophy)
        atrophy = threshold(lost, 0.45, 0.25)
        vessels = np.clip(self._map(self._vessels(eye)), 0, 1)
        surfaces, bright = self._layers(eye, atrophy, lost, vessels, self._posture(style, random))
        volume = self._stack(surfaces, bright)
        inner, outer = surfaces[0], surfaces[-1]
        self._below(volume, outer, eye, atrophy, random)
        self._cysts(volume, eye, inner, surfaces[-3])
        self._shadows(volume, vessels, inner, style)
        return self._through(volume, style, random)

    def _map(self, spots: Spots) -> Array:
        """Sum spots over the area of the scan: ``(slices, width)``."""
        return gaussians(spots, self._x, self._y)

    def _vessels(self, eye: Eye) -> Spots:
        arteries, veins = eye.vessels.points(2 * EXTENT / self.size[2])
        points = Spots(*(np.concatenate(pair) for pair in zip(arteries, veins, strict=True)))
        near = (np.abs(points.x) < EXTENT + 0.02) & (np.abs(points.y) < EXTENT + 0.06)
        return Spots(points.x[near], points.y[near], points.radius[near], points.weight[near])

    def _posture(self, style: OctStyle, random: np.random.Generator) -> Array:
        """Depth of Bruch's membrane: tilt, curvature of the eye, motion between B-scans."""
        x, y = self._x[None, :] / np.float32(EXTENT), self._y[:, None] / np.float32(EXTENT)
        own = random.standard_normal(4)
        motion = random.standard_normal(len(self._y)) * 0.004
        flat = 0.68 + 0.03 * style.position + 0.015 * own[0] + motion[:, None]
        slope = 0.022 * style.tilt + 0.022 * own[1]
        bowl = 0.035 + 0.012 * own[2]
        return (flat + slope * x + 0.02 * own[3] * y - bowl * (x * x + y * y - 0.3)).astype(
            np.float32
        )

    def _layers(
        self, eye: Eye, atrophy: Array, lost: Array, vessels: Array, base: Array
    ) -> tuple[list[Array], list[Array | float]]:
        """Return the surfaces from the vitreous outward, and the reflectivity below each."""
        drusen = self._map(eye.drusen) * np.float32(0.05)
        detached = self._map(eye.detachment) * np.float32(0.12)
        swollen = self._map(Spots(eye.cysts.x, eye.cysts.y, eye.cysts.radius, eye.cysts.height))
        kept = np.float32(1 - eye.thinning)
        nasal = 1 + np.float32(0.7 * eye.side / EXTENT) * self._x[None, :]
        loss = 1 - np.float32(0.75) * atrophy
        thin = 1 - np.float32(0.7) * np.minimum(lost, 1)
        strained = np.clip(1 - drusen * np.float32(18), 0.15, 1) * loss

        thickness = [
            (self._thickness(_NERVE_FIBRES, eye) * nasal * kept, _NERVE_FIBRES.bright),
            (self._thickness(_GANGLION_CELLS, eye) * kept, _GANGLION_CELLS.bright),
            (self._thickness(_INNER_NUCLEAR, eye), _INNER_NUCLEAR.bright),
            (self._thickness(_OUTER_PLEXIFORM, eye), _OUTER_PLEXIFORM.bright),
            (
                np.maximum(self._thickness(_OUTER_NUCLEAR, eye) * thin - drusen * 0.6, 0.015)
                + swollen * np.float32(0.25),
                _OUTER_NUCLEAR.bright,
            ),
            (self._thickness(_ELLIPSOID, eye) * thin, _ELLIPSOID.bright * strained),
            (self._thickness(_OUTER_SEGMENTS, eye) * thin, _OUTER_SEGMENTS.bright),
            (detached, _FLUID),
            (self._thickness(_EPITHELIUM, eye) * thin, _EPITHELIUM.bright * loss),
            (drusen * loss, _DRUSE),
        ]
        surfaces = [base]
        for depth, _ in reversed(thickness):
            surfaces.append(surfaces[-1] - depth)
        return surfaces[::-1], [bright for _, bright in thickness]

    def _thickness(self, layer: _Layer, eye: Eye) -> Array:
        change = np.float32((layer.at_fovea - layer.thickness) * eye.pit)
        thick = np.float32(layer.thickness) + change * self._pit
        return np.maximum(thick, 0) * (1 + np.float32(0.15) * self._rim) * np.float32(eye.thickness)

    def _stack(self, surfaces: list[Array], bright: list[Array | float]) -> Array:
        """Fill the volume layer by layer; voxels that a surface crosses are mixed."""
        depth = self.size[1]
        volume = np.full(self.size, _VITREOUS, dtype=np.float32)
        above: Array | float = _VITREOUS
        z = self._z * np.float32(depth)
        step = np.empty_like(volume)
        for surface, here in zip(surfaces, [*bright, _CHOROID], strict=True):
            rise = np.asarray(here - above, dtype=np.float32)
            np.subtract(z, (surface * np.float32(depth) - np.float32(0.5))[:, None, :], out=step)
            np.clip(step, 0, 1, out=step)
            step *= rise[:, None, :] if rise.ndim else rise
            volume += step
            above = here
        return volume

    def _below(
        self, volume: Array, bruch: Array, eye: Eye, atrophy: Array, random: np.random.Generator
    ) -> None:
        """Choroidal vessels, and the fading of light, deeper where atrophy lets it through."""
        depth = np.clip(self._z - bruch[:, None, :], 0, None)
        knots = random.standard_normal((self.size[0], 13, 13), dtype=np.float32)
        lumina = self._down @ knots @ self._across.T
        reach = np.float32(0.10 * eye.choroid) * (1 + np.float32(1.6) * atrophy)
        fade = np.exp(-(depth * (1 / reach)[:, None, :]))
        volume *= fade * (1 + np.float32(0.22) * lumina * (depth > 0))

    def _cysts(self, volume: Array, eye: Eye, inner: Array, outer: Array) -> None:
        cysts = eye.cysts
        if not len(cysts.x):
            return
        column = np.clip(np.searchsorted(self._x, cysts.x), 0, len(self._x) - 1)
        row = np.clip(np.searchsorted(self._y, cysts.y), 0, len(self._y) - 1)
        top, bottom = inner[row, column], outer[row, column]
        centre = top + cysts.depth * (bottom - top)
        height = np.maximum(cysts.height * (bottom - top), np.float32(0.6 / self.size[1]))
        across = np.sqrt(cysts.radius**2 + np.float32((0.4 * 2 * EXTENT / self.size[2]) ** 2))
        in_depth = profile(self._z.ravel(), centre, height)
        in_row = profile(self._y, cysts.y, across)
        field = (in_row[:, None, :] * in_depth[None]) @ profile(self._x, cysts.x, across).T
        field *= np.clip((self._z - inner[:, None, :]) * np.float32(20), 0, 1)
        mask = threshold(field, 0.5, 0.4)
        volume += mask * (np.float32(_FLUID) - volume)

    def _shadows(self, volume: Array, vessels: Array, inner: Array, style: OctStyle) -> None:
        """Vessels shade what is below; everything absorbs a little."""
        below = np.clip(self._z - inner[:, None, :], 0, None)
        rate = np.float32(0.7 * np.exp(0.4 * style.attenuation))
        volume *= np.exp(-rate * below)
        shade = np.clip((below - np.float32(0.04)) * np.float32(30), 0, 1)
        volume *= 1 - np.float32(0.5) * vessels[:, None, :] * shade

    def _through(self, volume: Array, style: OctStyle, random: np.random.Generator) -> Bytes:
        """Add speckle, blur, and map to the grey levels of a device."""
        width = self.size[2]
        lens = blur(width, 0.012 * width * np.exp(0.4 * style.blur))
        speckle = random.standard_normal(volume.shape, dtype=np.float32)
        grain = 1 / np.linalg.norm(lens[width // 2])
        speckle *= np.float32(0.16 * grain * np.exp(0.35 * style.speckle))
        volume += speckle * (volume + np.float32(0.12))
        own = random.standard_normal(2)
        return tone(
            volume @ lens.T,
            gain=np.exp(0.06 * own[0] + 0.05 * style.brightness),
            black=max(0.0, 0.04 + 0.03 * style.brightness + 0.01 * own[1]),
            contrast=0.5 * style.contrast,
            gamma=0.85 * np.exp(0.16 * style.gamma),
        )
