"""Build the network at a scale."""

import torch

from model.encoders.small import SmallFundusEncoder, SmallOctEncoder
from model.rima import RIMA, Sizes


def build(
    scale: str, classes: int, image_size: int, volume_size: tuple[int, int, int], seed: int
) -> RIMA:
    """Return a freshly initialised network.

    Parameters
    ----------
    scale : {"small"}
    classes : int
        Number of grades.
    image_size : int
        Height and width of fundus photographs, pixels.
    volume_size : tuple of int
        OCT slices, depth and width.
    seed : int
        Of the initial weights; torch's global generator is left as it was.

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
            )
    raise ValueError(f"model.scale: {scale!r} is not built here; allowed: small")
