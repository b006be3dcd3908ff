"""Build the network at a scale."""

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import nn

from model.encoders.given import Given
from model.encoders.res2net import Res2Net
from model.encoders.resnet3d import ResNet3d
from model.encoders.small import SmallFundusEncoder, SmallOctEncoder
from model.rima import RIMA, Fusion, Sizes


def build(
    scale: str,
    classes: int,
    image_size: int,
    volume_size: tuple[int, int, int],
    seed: int,
    fusion: Fusion = "asymmetric",
    predictors: bool = True,
    given: Mapping[str, int] = MappingProxyType({}),
) -> RIMA:
    """Return a freshly initialised network.

    Parameters
    ----------
    scale : {"small", "medium", "paper"}
    classes : int
        Number of grades.
    image_size : int
        Height and width of fundus photographs, pixels.
    volume_size : tuple of int
        OCT slices, depth and width.
    seed : int
        Of the initial weights; torch's global generator is left as it was. Encoders and heads
        start from the same weights whatever comes after them.
    fusion, predictors
        As in `RIMA`.
    given : mapping of {"fundus", "oct"} to int
        Modalities that come as features, not images, and the width of these.

    Raises
    ------
    ValueError
        For a scale that does not exist.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fundus, volume, sizes = _parts(scale, classes, image_size, volume_size)
        if "fundus" in given:
            fundus = Given(given["fundus"])
        if "oct" in given:
            volume = Given(given["oct"])
        return RIMA(fundus, volume, sizes, fusion, predictors)


def _parts(
    scale: str, classes: int, image_size: int, volume_size: tuple[int, int, int]
) -> tuple[nn.Module, nn.Module, Sizes]:
    if scale == "small":
        sizes = Sizes(classes, predictor=128, feed_forward=128, dropout=0.1)
        return SmallFundusEncoder(image_size), SmallOctEncoder(volume_size), sizes
    if scale == "medium":
        sizes = Sizes(classes, predictor=512, feed_forward=512)
        return Res2Net((2, 2, 2, 2), 16), ResNet3d(volume_size, 16), sizes
    if scale == "paper":
        sizes = Sizes(classes, predictor=4096, feed_forward=2048)
        return Res2Net(), ResNet3d(volume_size), sizes
    raise ValueError(f"model.scale: {scale!r} is unknown; allowed: small, medium, paper")
