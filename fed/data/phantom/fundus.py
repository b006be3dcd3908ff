"""Colour fundus photographs: a 45-degree field centred on the macula."""

from math import exp

import numpy as np

from fed.data.phantom.findings import Eye
from fed.data.phantom.painting import Painter, blend, colour
from fed.data.phantom.raster import (
    Array,
    Bytes,
    axis,
    blur,
    expose,
    gaussians,
    grain,
    interpolation,
    threshold,
    tone_curve,
)
from fed.data.phantom.style import FundusStyle

_FAIR = (0.80, 0.42, 0.20)
_DARK = (0.58, 0.28, 0.13)
_VEIN = (0.44, 0.11, 0.08)
_ARTERY = (0.66, 0.20, 0.11)
_SCLERA = (0.93, 0.70, 0.45)
_DRUSE = (0.93, 0.74, 0.38)
_PIGMENT = (0.20, 0.10, 0.07)
_BLOOD = (0.36, 0.04, 0.04)
_EXUDATE = (1.00, 0.90, 0.52)


class FundusCamera:
    """A fundus camera.

    Parameters
    ----------
    size : int
        Height and width of its photographs, pixels.
    style : FundusStyle
        How it differs from the average camera.
    """

    def __init__(self, size: int, style: FundusStyle) -> None:
        self._size = size
        self._axis = axis(size)
        radius2 = self._axis[:, None] ** 2 + self._axis[None, :] ** 2
        self._painter = Painter(self._axis, _ARTERY, _VEIN)
        self._pigment = [interpolation(size, 7), interpolation(size, 19)]

        self._lens = blur(size, 0.006 * size * exp(0.45 * style.blur))
        field = np.clip((0.97 - np.sqrt(radius2)) * (size / 2), 0, 1)
        cast = np.array([style.warmth, style.tint, -style.warmth], dtype=np.float32)
        gain = np.exp(0.09 * cast + 0.08 * style.brightness)[:, None, None]
        self._light = gain * field * np.exp(-0.32 * exp(0.5 * style.vignette) * radius2)
        self._noise = 0.012 * exp(0.5 * style.noise) * field
        self._curve = tone_curve(0.0, 0.4 * style.contrast, exp(0.14 * style.gamma))

    def photograph(self, eye: Eye, random: np.random.Generator) -> Bytes:
        """Photograph `eye`: ``(3, size, size)``, red first."""
        image = self._background(eye, random)
        self._painter.anatomy(image, eye, 2 / self._size)
        self._lesions(image, eye)
        return self._develop(image, random)

    def _background(self, eye: Eye, random: np.random.Generator) -> Array:
        """Pigment epithelium over choroid, unevenly pigmented."""
        shade: Array = np.ones((1, 1), dtype=np.float32)
        for spread, depth in zip(self._pigment, (0.05, 0.035), strict=True):
            knots = random.standard_normal((spread.shape[1],) * 2, dtype=np.float32)
            shade = shade + np.matmul(spread, depth * knots) @ spread.T
        return (colour(_FAIR) * (1 - eye.pigment) + colour(_DARK) * eye.pigment) * shade

    def _lesions(self, image: Array, eye: Eye) -> None:
        if eye.atrophy.x.size:
            patch = threshold(gaussians(eye.atrophy, self._axis, self._axis), 0.45, 0.25)
            blend(image, 0.62 * patch, _SCLERA)
        self._painter.spots(image, eye.drusen, 1.3, 0.60, _DRUSE)
        self._painter.spots(image, eye.clumps, 1.0, 0.75, _PIGMENT)
        self._painter.spots(image, eye.haemorrhages, 1.8, 0.85, _BLOOD)
        self._painter.spots(image, eye.exudates, 1.8, 0.90, _EXUDATE)

    def _develop(self, image: Array, random: np.random.Generator) -> Bytes:
        """Pass `image` through lens, illumination, sensor and tone curve."""
        image = np.matmul(self._lens, image) @ self._lens.T
        bright, aside, aloft = (0.05 * random.standard_normal(3)).tolist()
        slant = np.exp(bright + aside * self._axis)[None, :] * np.exp(aloft * self._axis)[:, None]
        image *= self._light * slant
        image += self._noise * grain(image.shape, random)
        return expose(image, self._curve)
