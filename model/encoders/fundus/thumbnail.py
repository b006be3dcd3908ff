"""Photographs of 8 x 8 pixels as features: the floor."""

from dataclasses import dataclass

from torch import nn

from model.encoders import thumbnail
from model.encoders.fundus import FundusEncoder


@dataclass(frozen=True)
class Thumbnail(FundusEncoder):
    """The photograph at 8 x 8 pixels; nothing trains. What a linear head makes of it is the floor."""

    def build(self, image_size: int) -> nn.Module:
        """Return what makes the image small."""
        return thumbnail.Thumbnail()
