"""The devices of a site: how its camera and its OCT scanner differ from the average ones.

A device is a point in a space of deviations. Training sites lie within a ball around the average
device, held-out sites in a shell outside of it: at equal strength no training site has the style
of a held-out one.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Role = Literal["train", "held_out"]

RADII: dict[Role, tuple[float, float]] = {"train": (0.5, 1.0), "held_out": (1.15, 1.5)}
"""Distance from the average device at strength 1, root mean square over the deviations."""


@dataclass(frozen=True)
class FundusStyle:
    """A fundus camera; every attribute is a deviation, 0 on the average device.

    Attributes
    ----------
    warmth, tint : float
        Red against blue, green against red and blue.
    brightness, gamma, contrast : float
    blur, vignette, noise : float
        On a logarithmic scale.
    """

    warmth: float = 0.0
    tint: float = 0.0
    brightness: float = 0.0
    gamma: float = 0.0
    contrast: float = 0.0
    blur: float = 0.0
    vignette: float = 0.0
    noise: float = 0.0


@dataclass(frozen=True)
class OctStyle:
    """An OCT scanner; every attribute is a deviation, 0 on the average device.

    Attributes
    ----------
    brightness, gamma, contrast : float
    speckle, blur, attenuation : float
        On a logarithmic scale; attenuation is the loss of signal with depth.
    tilt, position : float
        Slope of the retina across a scan, and its depth in the frame.
    """

    brightness: float = 0.0
    gamma: float = 0.0
    contrast: float = 0.0
    speckle: float = 0.0
    blur: float = 0.0
    attenuation: float = 0.0
    tilt: float = 0.0
    position: float = 0.0


@dataclass(frozen=True)
class Style:
    """The two devices of a site."""

    fundus: FundusStyle = FundusStyle()
    oct: OctStyle = OctStyle()


def draw_style(strength: float, role: Role, random: np.random.Generator) -> Style:
    """Draw the devices of one site; with `strength` 0 they are the average ones."""
    return Style(
        FundusStyle(*_deviations(8, strength, role, random).tolist()),
        OctStyle(*_deviations(8, strength, role, random).tolist()),
    )


def _deviations(
    count: int, strength: float, role: Role, random: np.random.Generator
) -> NDArray[np.float64]:
    direction = random.standard_normal(count)
    direction /= np.sqrt(np.mean(direction**2))
    return strength * random.uniform(*RADII[role]) * direction
