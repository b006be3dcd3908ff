"""Build the network at a scale."""

import torch

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

    Raises
    ------
    ValueError
        For a scale that does not exist.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if scale == "small":
            return RIMA(
                SmallFundusEncoder(image_size),
                SmallOctEncoder(volume_size),
                Sizes(classes, predictor=128, feed_forward=128, dropout=0.1),
                fusion,
                predictors,
            )
        if scale == "medium":
            fundus, volume = Res2Net((2, 2, 2, 2), 16), ResNet3d(volume_size, 16)
            sizes = Sizes(classes, predictor=512, feed_forward=512)
            return RIMA(fundus, volume, sizes, fusion, predictors)
        if scale == "paper":
            sizes = Sizes(classes, predictor=4096, feed_forward=2048)
            return RIMA(Res2Net(), ResNet3d(volume_size), sizes, fusion, predictors)
    raise ValueError(f"model.scale: {scale!r} is unknown; allowed: small, medium, paper")
