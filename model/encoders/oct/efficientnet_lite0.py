"""EfficientNet-Lite0, pretrained on ImageNet, for B-scans, the mean over those of a volume."""

from dataclasses import dataclass

from torch import nn

from model.encoders.efficientnet_lite import SlicesLite0
from model.encoders.oct import OctEncoder


@dataclass(frozen=True)
class EfficientnetLite0(OctEncoder):
    """EfficientNet-Lite0 with ImageNet's weights (extra `pretrained`); 688 features.

    Attributes
    ----------
    pretrained : bool
        Whether the weights are ImageNet's, or drawn.
    """

    pretrained: bool = True

    def build(self, volume_size: tuple[int, int, int]) -> nn.Module:
        """Return the network, which takes images of any size; 224 pixels are ImageNet's."""
        return SlicesLite0(self.pretrained)
