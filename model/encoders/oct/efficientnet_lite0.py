"""EfficientNet-Lite0, pretrained on ImageNet, for B-scans, pooled over those of a volume."""

from dataclasses import dataclass
from typing import Literal

from torch import nn

from model.encoders.efficientnet_lite import FEATURES, EfficientNetLite0
from model.encoders.oct import OctEncoder
from model.encoders.slices import OverSlices


@dataclass(frozen=True)
class EfficientnetLite0(OctEncoder):
    """EfficientNet-Lite0 with ImageNet's weights (extra `pretrained`); 688 features.

    Attributes
    ----------
    pretrained : bool
        Whether the weights are ImageNet's, or drawn.
    slices : {"mean", "attention"}
        How the features of a volume's slices become one: their mean, or gated attention, which is the
        mean until it is trained.
    """

    pretrained: bool = True
    slices: Literal["mean", "attention"] = "mean"

    @property
    def learns_pooling(self) -> bool:
        """Whether slices are weighed by what is trained."""
        return self.slices == "attention"

    def build(self, volume_size: tuple[int, int, int]) -> nn.Module:
        """Return the network, which takes images of any size; 224 pixels are ImageNet's."""
        return OverSlices(EfficientNetLite0(self.pretrained), FEATURES, self.learns_pooling)
