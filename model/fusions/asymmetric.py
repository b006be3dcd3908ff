"""RIMA's asymmetric fusion: two branches, as published (method, section 3)."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model.fusions import Fusion
from model.layers import TokenFusion, two_layers
from model.rima import RIMA, Sizes


@dataclass(frozen=True)
class Asymmetric(Fusion):
    """RIMA's two branches: layers for the OCT, a transformer block over tokens for the fundus.

    Attributes
    ----------
    heads : int
        Attention heads of the fundus branch.
    """

    heads: int = 4

    def branches(self, dx: int, dy: int, sizes: Sizes) -> Mapping[str, nn.Module]:
        """Return the OCT branch and the fundus branch."""
        return {
            "oct_fusion": two_layers(2 * dy, dy, dy, sizes.dropout),
            "fundus_fusion": TokenFusion(dx, sizes.feed_forward, self.heads),
        }

    def fuse(self, model: RIMA, fundus: Tensor, oct_features: Tensor) -> Tensor:
        """Return the fundus branch and the OCT branch side by side."""
        oct_branch = model.oct_fusion(torch.cat([oct_features, model.fundus2oct(fundus)], dim=1))
        tokens = torch.stack(
            [fundus, model.transport(oct_features), model.oct2fundus(oct_features)], dim=1
        )
        return torch.cat([model.fundus_fusion(tokens), oct_branch], dim=1)
