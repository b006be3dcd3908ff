"""Synthetic patients: a fundus photograph and an OCT volume drawn from shared findings."""

import numpy as np
from numpy.typing import NDArray

from fed.data.phantom.findings import Eye, draw_eye
from fed.data.phantom.fundus import FundusCamera
from fed.data.phantom.oct import OctScanner
from fed.data.phantom.style import Style, draw_style

__all__ = ["Eye", "Style", "draw_eye", "draw_pair", "draw_style"]


def draw_pair(
    eye: Eye,
    style: Style,
    image_size: int,
    volume_size: tuple[int, int, int],
    random: np.random.Generator,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw both images of one eye, as the devices of one site see it.

    Returns
    -------
    fundus : uint8 ``(3, image_size, image_size)``
    oct : uint8 ``volume_size``
    """
    fundus = FundusCamera(image_size, style.fundus).photograph(eye, random)
    return fundus, OctScanner(volume_size, style.oct).scan(eye, random)
