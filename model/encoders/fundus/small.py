"""A small encoder for small photographs."""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from model.encoders.fundus import FundusEncoder
from model.encoders.small import SmallFundusEncoder


@dataclass(frozen=True)
class Small(FundusEncoder):
    """Four convolutions behind local contrast: what one core can train in minutes."""

    training_s: ClassVar[float | None] = 0.0007 / 64**2

    def build(self, image_size: int) -> nn.Module:
        """Return the network."""
        return SmallFundusEncoder(image_size)
