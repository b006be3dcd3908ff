"""Any classification network of MONAI, by its name, for photographs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from model.encoders.fundus import FundusEncoder
from model.encoders.monai import MonaiEncoder


@dataclass(frozen=True)
class MonaiNetwork(FundusEncoder):
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

    def build(self, image_size: int) -> nn.Module:
        """Return the network, freshly initialised."""
        return MonaiEncoder(self.network, 2, 3, self.features, self.options)
