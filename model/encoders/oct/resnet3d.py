"""3D ResNet-10 (MedicalNet; Chen et al., 2019), the OCT encoder of RIMA."""

from dataclasses import dataclass

from torch import nn

from model.encoders.oct import OctEncoder
from model.encoders.resnet3d import ResNet3d


@dataclass(frozen=True)
class Resnet3d(OctEncoder):
    """3D ResNet-10 pooled over height and width, or a narrower one.

    Attributes
    ----------
    width : int
        Of the first stage.
    """

    recomputes = True
    width: int = 64

    def build(self, volume_size: tuple[int, int, int]) -> nn.Module:
        """Return the network."""
        return ResNet3d(volume_size, self.width)
