"""Plain fusion: two layers over both features side by side."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model.fusions import Fusion
from model.layers import two_layers
from model.rima import RIMA, Sizes


@dataclass(frozen=True)
class Concat(Fusion):
    """Two layers over both features side by side."""

    def branches(self, dx: int, dy: int, sizes: Sizes) -> Mapping[str, nn.Module]:
        """Return the two layers."""
        return {"joint_fusion": two_layers(dx + dy, dx + dy, dx + dy, sizes.dropout)}

    def fuse(self, model: RIMA, fundus: Tensor, oct_features: Tensor) -> Tensor:
        """Return what the layers make of both."""
        return model.joint_fusion(torch.cat([fundus, oct_features], dim=1))
