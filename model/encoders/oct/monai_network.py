"""Any classification network of MONAI, by its name, for volumes."""

from dataclasses import dataclass

from torch import nn

from model.encoders.monai import NamedNetwork
from model.encoders.oct import OctEncoder


@dataclass(frozen=True)
class MonaiNetwork(NamedNetwork, OctEncoder):
    """A classification network of MONAI whose classes are features (extra `monai`)."""

    def build(self, volume_size: tuple[int, int, int]) -> nn.Module:
        """Return the network, freshly initialised."""
        return self.made(3, 1)
