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
