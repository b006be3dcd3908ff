"""The devices of a site, and how they differ from the average ones.

The axes are those on which makes of cameras and scanners differ, and none is one that training
images are varied on (`model/augmentation.py`). Training devices differ on some of them; held-out
ones on these and on others that no training device has.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Role = Literal["train", "held_out"]


@dataclass(frozen=True)
class CameraStyle:
    """A fundus camera; every attribute is a deviation, 0 on the average one.

    Attributes
    ----------
    mixing : tuple of float
        Of the matrix that mixes the colours, the six entries off the diagonal; rows keep their sum.
    curve : tuple of float
        Bend of the tone curve of each colour.
    compression : float
        Of JPEG, logarithmic: the lost quality doubles with each step.
    field : float
        Width of the field of view, logarithmic; 0 is 45 degrees.
    interlacing : float
        Shift between odd and even lines, in hundredths of the width. Held-out cameras only.
    cropping : float
        Height cut away at the top and the bottom, in tenths. Held-out cameras only.
    """

    mixing: tuple[float, ...] = (0.0,) * 6
    curve: tuple[float, ...] = (0.0,) * 3
    compression: float = 0.0
    field: float = 0.0
    interlacing: float = 0.0
    cropping: float = 0.0


@dataclass(frozen=True)
class ScannerStyle:
    """An OCT scanner; every attribute is a deviation, 0 on the average one.

    Attributes
    ----------
    averaging : float
        Frames averaged into a B-scan, logarithmic; 0 is nine.
    spacing : float
        B-scans that are read from their neighbours, as they were not taken, in tenths.
    curve : float
        Bend of the grey curve.
    range : float
        Dynamic range that grey levels span, logarithmic: what is dim is cut off.
    field : float
        Width of a scan, logarithmic; 0 is 6 mm. Held-out scanners only.
    compression : float
        As for a camera. Held-out scanners only.
    """

    averaging: float = 0.0
    spacing: float = 0.0
    curve: float = 0.0
    range: float = 0.0
    field: float = 0.0
    compression: float = 0.0


@dataclass(frozen=True)
class Devices:
    """Camera and scanner of one site."""

    camera: CameraStyle = CameraStyle()
    scanner: ScannerStyle = ScannerStyle()


def draw_devices(strength: float, role: Role, random: np.random.Generator) -> Devices:
    """Draw the devices of one site; with `strength` 0 they are the average ones."""
    mixing, curve = _spread(6, random), _spread(3, random)
    compression, field = _spread(2, random).tolist()
    averaging, spacing, bend, span = _spread(4, random).tolist()
    unseen = np.zeros(4) if role == "train" else _new(4, random)
    interlacing, cropping, width, loss = (strength * unseen).tolist()
    camera = CameraStyle(
        mixing=tuple((strength * mixing).tolist()),
        curve=tuple((strength * curve).tolist()),
        compression=strength * compression,
        field=strength * field,
        interlacing=abs(interlacing),
        cropping=abs(cropping),
    )
    scanner = ScannerStyle(
        averaging=strength * averaging,
        spacing=strength * abs(spacing),
        curve=strength * bend,
        range=strength * span,
        field=width,
        compression=abs(loss),
    )
    return Devices(camera, scanner)


def _spread(count: int, random: np.random.Generator) -> NDArray[np.float64]:
    return random.uniform(-1, 1, count)


def _new(count: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Return deviations of which none is small."""
    return random.uniform(0.6, 1.2, count) * random.choice([-1.0, 1.0], count)
