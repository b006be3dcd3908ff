"""Any classification network of MONAI, by its name, for photographs."""

from dataclasses import dataclass

from torch import nn

from model.encoders.fundus import FundusEncoder
from model.encoders.monai import NamedNetwork


@dataclass(frozen=True)
class MonaiNetwork(NamedNetwork, FundusEncoder):
    """A classification network of MONAI whose classes are features (extra `monai`)."""

    def build(self, image_size: int) -> nn.Module:
        """Return the network, freshly initialised."""
        return self.made(2, 3)
