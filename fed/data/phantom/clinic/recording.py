"""What a device does to a picture after the light has reached its sensor."""

import io

import numpy as np
from PIL import Image

from fed.data.phantom.raster import Bytes

_QUALITY_LOST = 8.0
"""By the average device, out of 100."""


def bent(bend: float, floor: float = 0.0) -> Bytes:
    """Return the grey levels ``(1024,)`` of a tone curve.

    Parameters
    ----------
    bend : float
        An S-shaped curve where positive, its mirror where negative; -1 to 1.
    floor : float
        What is this dim, or dimmer, is black.
    """
    level = np.clip((np.linspace(0, 1, 1024) - floor) / (1 - floor), 0, 1)
    shaped = level - 0.10 * bend * np.sin(2 * np.pi * level)
    return (np.clip(shaped, 0, 1) * 255 + 0.5).astype(np.uint8)


def compressed(picture: Bytes, deviation: float) -> Bytes:
    """Return what JPEG keeps of a picture ``(height, width)`` or ``(height, width, 3)``.

    Parameters
    ----------
    deviation : float
        Logarithm, to the base 4, of the quality lost beside that of the average device.
    """
    quality = round(100 - min(_QUALITY_LOST * 4.0**deviation, 80))
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="JPEG", quality=quality)
    with Image.open(file) as kept:
        return np.asarray(kept)


def interlaced(picture: Bytes, shift: int) -> Bytes:
    """Return a picture ``(3, height, width)`` whose odd lines are `shift` pixels beside the even."""
    moved = picture.copy()
    moved[:, 1::2] = np.roll(picture[:, 1::2], shift, axis=2)
    return moved
