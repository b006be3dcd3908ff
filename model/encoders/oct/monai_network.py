"""Any classification network of MONAI, by its name, for volumes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from model.encoders.monai import MonaiEncoder
from model.encoders.oct import OctEncoder


@dataclass(frozen=True)
class MonaiNetwork(OctEncoder):
    """A classification network of MONAI whose classes are features (extra `monai`).

    Attributes
    ----------
    network : str
        Of ``monai.networks.nets``, such as ``DenseNet121`` or ``resnet18``.
    features : int
        Width of the feature.
    options : dict
        Further arguments of the network.
    """

    network: str
    features: int = 256
    options: Mapping[str, Any] = field(default_factory=dict)

    def build(self, volume_size: tuple[int, int, int]) -> nn.Module:
        """Return the network, freshly initialised."""
        return MonaiEncoder(self.network, 3, 1, self.features, self.options)
