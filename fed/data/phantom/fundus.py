"""Colour fundus photographs: a 45-degree field centred on the macula."""

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
    threshold,
    tone,
)
from fed.data.phantom.style import FundusStyle

RGB = tuple[float, float, float]

_FAIR = (0.80, 0.42, 0.20)
_DARK = (0.58, 0.28, 0.13)
_CHOROID = (0.10, 0.07, 0.05)
_VEIN = (0.44, 0.11, 0.08)
_ARTERY = (0.66, 0.20, 0.11)
_RIM = (0.93, 0.66, 0.38)
_CUP = (0.99, 0.88, 0.66)
_MACULA = (0.45, 0.19, 0.08)
_DRUSE = (0.93, 0.74, 0.38)
_EXUDATE = (1.00, 0.90, 0.52)
_BLOOD = (0.36, 0.04, 0.04)
_PIGMENT = (0.20, 0.10, 0.07)
_SCLERA = (0.93, 0.70, 0.45)


class FundusCamera:
    """Draws photographs of one size.

    Parameters
    ----------
    size : int
        Height and width, pixels.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._axis = axis(size)
        radius = np.hypot(self._axis[:, None], self._axis[None, :])
        self._field = np.clip((np.float32(0.97) - radius) * np.float32(size / 2), 0, 1)
        self._radius2 = radius * radius
        self._macula = np.float32(0.4) * np.exp(self._radius2 / np.float32(-2 * 0.15**2))
        self._macula += np.float32(0.25) * np.exp(self._radius2 / np.float32(-2 * 0.045**2))
        self._coarse = interpolation(size, 7)
        self._fine = interpolation(size, 19)

    def photograph(self, eye: Eye, style: FundusStyle, random: np.random.Generator) -> Bytes:
        """Draw `eye` as a camera of `style` sees it: ``(3, size, size)``, red first."""
        image = self._background(eye, random)
        self._anatomy(image, eye)
        self._lesions(image, eye)
        return self._through(image, style, random)

    def _background(self, eye: Eye, random: np.random.Generator) -> Array:
        """Pigment epithelium over choroid, unevenly pigmented."""
        coarse = self._coarse @ random.standard_normal((7, 7), dtype=np.float32) @ self._coarse.T
        fine = self._fine @ random.standard_normal((19, 19), dtype=np.float32) @ self._fine.T
        shade = np.float32(0.05) * coarse + np.float32(0.035) * fine
        dark = np.float32(eye.pigment)
        base = _colour(_FAIR) * (1 - dark) + _colour(_DARK) * dark
        return base * (1 + shade)

    def _anatomy(self, image: Array, eye: Eye) -> None:
        x, y = self._axis, self._axis
        _blend(image, self._macula, _MACULA)
        disc_x, disc_y, radius = eye.disc
        distance = np.hypot(
            (x[None, :] - np.float32(disc_x)) * np.float32(1.08), y[:, None] - np.float32(disc_y)
        )
        edge = np.float32(1 / max(0.03, 2 / self.size))
        disc = np.clip((np.float32(radius) - distance) * edge + np.float32(0.5), 0, 1)
        cup = np.clip(
            (np.float32(radius * eye.cup) - distance) * edge * np.float32(0.5) + 0.5, 0, 1
        )
        _blend(image, disc * np.float32(0.92), _RIM)
        _blend(image, cup * np.float32(0.8), _CUP)
        arteries, veins = eye.vessels.points(2 / self.size)
        self._paint(image, arteries, 1.0, 0.8, _ARTERY)
        self._paint(image, veins, 1.0, 0.8, _VEIN)

    def _lesions(self, image: Array, eye: Eye) -> None:
        if eye.atrophy.x.size:
            patch = threshold(gaussians(eye.atrophy, self._axis, self._axis), 0.45, 0.25)
            _blend(image, patch * np.float32(0.62), _SCLERA)
        for spots, edge, opacity, colour in (
            (eye.drusen, 1.3, 0.60, _DRUSE),
            (eye.clumps, 1.0, 0.75, _PIGMENT),
            (eye.haemorrhages, 1.8, 0.85, _BLOOD),
            (eye.exudates, 1.8, 0.90, _EXUDATE),
        ):
            if spots.x.size:
                self._paint(image, spots, edge, opacity, colour)

    def _paint(self, image: Array, spots: Spots, edge: float, opacity: float, colour: RGB) -> None:
        """Blend spots into `image`; the higher `edge` the sharper their outlines."""
        field = gaussians(spots, self._axis, self._axis)
        field *= np.float32(edge)
        np.minimum(field, 1, out=field)
        field *= np.float32(opacity)
        _blend(image, field, colour)

    def _through(self, image: Array, style: FundusStyle, random: np.random.Generator) -> Bytes:
        """Pass `image` through the optics and the sensor of a camera."""
        own = random.standard_normal(4)
        width = 0.006 * self.size * np.exp(0.45 * style.blur)
        lens = blur(self.size, width)
        image = lens @ image @ lens.T
        falloff = np.exp(
            -self._radius2 * np.float32(0.32 * np.exp(0.5 * style.vignette))
            + self._axis[None, :] * np.float32(0.06 * own[0])
            + self._axis[:, None] * np.float32(0.06 * own[1])
        )
        cast = np.array([style.warmth, style.tint, -style.warmth], dtype=np.float32)
        gain = np.exp(np.float32(0.09) * cast + np.float32(0.08 * style.brightness + 0.05 * own[2]))
        image *= gain[:, None, None] * falloff
        noise = random.standard_normal(image.shape, dtype=np.float32)
        image += noise * np.float32(0.012 * np.exp(0.5 * style.noise))
        image *= self._field
        return tone(
            image,
            gain=1.0,
            black=0.0,
            contrast=0.4 * style.contrast,
            gamma=np.exp(0.14 * style.gamma),
        )


def _colour(rgb: RGB) -> Array:
    return np.array(rgb, dtype=np.float32)[:, None, None]


def _blend(image: Array, mask: Array, colour: RGB) -> None:
    """Move `image` towards `colour` by `mask`, in place."""
    image += mask * (_colour(colour) - image)
