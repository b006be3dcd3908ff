"""The mean B-scan at 8 x 8 pixels as features: the floor."""

from dataclasses import dataclass

from torch import nn

from model.encoders import thumbnail
from model.encoders.oct import OctEncoder


@dataclass(frozen=True)
class Thumbnail(OctEncoder):
    """The mean B-scan at 8 x 8 pixels; nothing trains. What a linear head makes of it is the floor."""

    def build(self, volume_size: tuple[int, int, int]) -> nn.Module:
        """Return what makes the volume small."""
        return thumbnail.SlicesThumbnail()
