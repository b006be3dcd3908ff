"""EfficientNet-Lite0, pretrained on ImageNet, for photographs."""

from dataclasses import dataclass

from torch import nn

from model.encoders.efficientnet_lite import EfficientNetLite0
from model.encoders.fundus import FundusEncoder


@dataclass(frozen=True)
class EfficientnetLite0(FundusEncoder):
    """EfficientNet-Lite0 with ImageNet's weights (extra `pretrained`); 688 features.

    Attributes
    ----------
    pretrained : bool
        Whether the weights are ImageNet's, or drawn.
    """

    pretrained: bool = True

    def build(self, image_size: int) -> nn.Module:
        """Return the network, which takes images of any size; 224 pixels are ImageNet's."""
        return EfficientNetLite0(self.pretrained)
