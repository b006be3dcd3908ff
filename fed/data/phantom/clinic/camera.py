"""Colour fundus photographs of the second generation."""

from math import exp

import numpy as np

from fed.data.phantom.clinic.devices import CameraStyle
from fed.data.phantom.clinic.eye import Eye
from fed.data.phantom.clinic.literature import CATARACT
from fed.data.phantom.clinic.recording import bent, compressed, interlaced
from fed.data.phantom.clinic.retina import atrophy_over
from fed.data.phantom.painting import Painter, blend, colour
from fed.data.phantom.raster import (
    Array,
    Bytes,
    axis,
    blur,
    gaussians,
    grain,
    interpolation,
    threshold,
)

_FAIR = (0.78, 0.40, 0.19)
_DARK = (0.56, 0.27, 0.13)
_VEIN = (0.42, 0.10, 0.08)
_ARTERY = (0.64, 0.19, 0.11)
_BARE = (0.95, 0.71, 0.46)
_CHOROIDAL = (0.86, 0.42, 0.24)
_DRUSE = (0.95, 0.76, 0.40)
_PIGMENT = (0.16, 0.09, 0.07)
_MEMBRANE = (0.46, 0.42, 0.30)
_BLOOD = (0.30, 0.03, 0.04)
_DOT = (0.40, 0.04, 0.04)
_EXUDATE = (1.00, 0.92, 0.52)
_COTTON = (0.96, 0.86, 0.70)
_LENS = (0.62, 0.50, 0.32)
"""Light that a cloudy lens scatters."""


class Camera:
    """A fundus camera.

    Parameters
    ----------
    size : int
        Height and width of its photographs, pixels.
    style : CameraStyle
        How it differs from the average camera.
    """

    def __init__(self, size: int, style: CameraStyle) -> None:
        self._size = size
        self._axis = axis(size, exp(0.35 * style.field))
        on_sensor = axis(size)
        self._painter = Painter(self._axis, _ARTERY, _VEIN)
        self._pigment = [interpolation(size, 7), interpolation(size, 19)]
        self._lens = blur(size, 0.006 * size)
        sensor2 = on_sensor[:, None] ** 2 + on_sensor[None, :] ** 2
        field = np.clip((0.97 - np.sqrt(sensor2)) * (size / 2), 0, 1)
        kept = np.abs(on_sensor) < 0.98 - 0.2 * style.cropping
        self._field = (field * kept[:, None]).astype(np.float32)
        self._light = (self._field * np.exp(-0.32 * sensor2)).astype(np.float32)
        self._mixing = _mixing(style.mixing)
        self._curves = np.stack([bent(bend) for bend in style.curve])
        self._shift = round(0.02 * style.interlacing * size)
        self._compression = style.compression

    def photograph(self, eye: Eye, random: np.random.Generator) -> Bytes:
        """Photograph `eye`: ``(3, size, size)``, red first."""
        image, grain_of_pigment = self._background(eye, random)
        self._painter.anatomy(image, eye, float(self._axis[1] - self._axis[0]))
        self._lesions(image, eye, grain_of_pigment)
        return self._develop(image, random)

    def _background(self, eye: Eye, random: np.random.Generator) -> tuple[Array, Array]:
        """Pigment epithelium over choroid, unevenly pigmented."""
        coarse, fine = (
            np.matmul(spread, random.standard_normal((spread.shape[1],) * 2, dtype=np.float32))
            @ spread.T
            for spread in self._pigment
        )
        shade = 1 + 0.05 * coarse + 0.035 * fine
        dark = eye.patient.pigment
        return (colour(_FAIR) * (1 - dark) + colour(_DARK) * dark) * shade, fine

    def _lesions(self, image: Array, eye: Eye, fine: Array) -> None:
        found = eye.lesions
        self._bare(image, eye, fine)
        drusen = found.drusen._replace(weight=np.ones_like(found.drusen.weight))
        self._painter.spots(image, drusen, 1.6, 0.70, _DRUSE)
        self._painter.spots(image, found.membrane, 0.7, 0.55, _MEMBRANE)
        self._painter.spots(image, found.pigment, 1.6, 0.85, _PIGMENT)
        if found.blood.x.size:
            pool = threshold(gaussians(found.blood, self._axis, self._axis), 0.4, 0.35)
            blend(image, 0.85 * pool, _BLOOD)
        self._painter.spots(image, found.aneurysms, 2.0, 0.80, _DOT)
        self._painter.spots(image, found.haemorrhages, 1.8, 0.85, _DOT)
        self._painter.spots(image, found.cotton_wool, 1.2, 0.75, _COTTON)
        self._painter.spots(image, found.exudates, 2.2, 0.92, _EXUDATE)
        if found.preretinal.x.size:
            pool = threshold(gaussians(found.preretinal, self._axis, self._axis), 0.4, 0.15)
            below = np.clip((self._axis - found.preretinal.y[0]) * 40 + 0.5, 0, 1)
            blend(image, 0.92 * pool * below[:, None], _BLOOD)

    def _bare(self, image: Array, eye: Eye, fine: Array) -> None:
        """Lay the choroid bare: wholly, with a sharp border, or in part and softly."""
        found = eye.lesions
        if found.depigmentation.x.size:
            thin = gaussians(found.depigmentation, self._axis, self._axis)
            blend(image, np.minimum(0.45 * thin, 0.45), _BARE)
        if found.atrophy.x.size:
            patch = atrophy_over(found.atrophy, self._axis, self._axis)
            blend(image, 0.80 * patch, _BARE)
            blend(image, patch * np.clip(0.9 * np.abs(fine) - 0.3, 0, 0.55), _CHOROIDAL)

    def _develop(self, image: Array, random: np.random.Generator) -> Bytes:
        """Pass `image` through the eye's lens, the camera's, light, sensor, tone curve and file."""
        bright, aside, aloft, clouded = (0.05 * random.standard_normal(4)).tolist()
        if random.random() < CATARACT:
            image = _clouded(image, 0.45 + abs(3 * clouded))
        image = np.matmul(self._lens, image) @ self._lens.T
        slant = np.exp(bright + aside * self._axis)[None, :] * np.exp(aloft * self._axis)[:, None]
        image *= self._light * slant
        image += 0.012 * self._field * grain(image.shape, random)
        image = (self._mixing @ image.reshape(3, -1)).reshape(image.shape)
        levels = np.clip(image * 1023, 0, 1023).astype(np.int16)
        picture = np.stack(
            [curve[level] for curve, level in zip(self._curves, levels, strict=True)]
        )
        if self._shift:
            picture = interlaced(picture, self._shift)
        picture = compressed(np.ascontiguousarray(picture.transpose(1, 2, 0)), self._compression)
        return np.ascontiguousarray(picture.transpose(2, 0, 1))


def _clouded(image: Array, degree: float) -> Array:
    """Return what a cloudy lens lets through: blurred, and veiled by scattered light."""
    degree = min(degree, 0.9)
    soft = blur(image.shape[1], 0.035 * degree * image.shape[1])
    veiled = np.matmul(soft, image) @ soft.T
    return veiled + degree * 0.75 * (colour(_LENS) - veiled)


def _mixing(entries: tuple[float, ...]) -> Array:
    """Return the colour matrix ``(3, 3)``; its rows add up to 1, so that grey stays grey."""
    matrix = np.zeros((3, 3), dtype=np.float32)
    matrix[~np.eye(3, dtype=bool)] = 0.12 * np.array(entries)
    np.fill_diagonal(matrix, 1 - matrix.sum(axis=1))
    return matrix
