"""Build the network from its parts."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import torch
from torch import nn

from model.encoders.fundus import FundusEncoder
from model.encoders.given import Given
from model.encoders.oct import OctEncoder
from model.fusions import Fusion
from model.rima import RIMA, Sizes

LAYOUTS = {4: torch.channels_last, 5: torch.channels_last_3d}
"""Of the weights of encoders, by their axes."""


def build(
    encoders: tuple[FundusEncoder, OctEncoder],
    image_size: int,
    volume_size: tuple[int, int, int],
    sizes: Sizes,
    fusion: Fusion,
    seed: int,
    predictors: bool | Literal["one_layer"] = True,
    given: Mapping[str, int] = MappingProxyType({}),
) -> RIMA:
    """Return a freshly initialised network.

    Parameters
    ----------
    encoders : tuple
        Of fundus photographs and of OCT volumes.
    image_size : int
        Height and width of fundus photographs, pixels.
    volume_size : tuple of int
        OCT slices, depth and width.
    sizes, fusion, predictors
        As in `RIMA`.
    seed : int
        Of the initial weights; torch's global generator is left as it was. Encoders and heads
        start from the same weights whatever comes after them.
    given : mapping of {"fundus", "oct"} to int
        Modalities that come as features, not images, and the width of these.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fundus: nn.Module = encoders[0].build(image_size)
        volume: nn.Module = encoders[1].build(volume_size)
        if "fundus" in given:
            fundus = Given(given["fundus"])
        if "oct" in given:
            volume = Given(given["oct"])
        return RIMA(fundus, volume, sizes, fusion, predictors)


def lay_channels_last(encoder: nn.Module) -> None:
    """Lay an encoder's weights out channels last; the maps that they make follow.

    A convolution then finds all channels of a pixel side by side (`benchmarks/encoders.py`).
    """
    for weight in encoder.parameters():
        if weight.ndim in LAYOUTS:
            weight.data = weight.data.to(memory_format=LAYOUTS[weight.ndim])
