"""A small encoder for small volumes."""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from model.encoders.oct import OctEncoder
from model.encoders.small import SmallOctEncoder


@dataclass(frozen=True)
class Small(OctEncoder):
    """Three convolutions behind local contrast: what one core can train in minutes."""

    training_s: ClassVar[float | None] = 0.0007 / (16 * 32 * 32)

    def build(self, volume_size: tuple[int, int, int]) -> nn.Module:
        """Return the network."""
        return SmallOctEncoder(volume_size)
