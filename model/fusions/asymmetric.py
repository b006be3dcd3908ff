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
    width : int or None
        Of both branches: features come down to it first. None: as wide as the features, as
        published. The layers grow with the square of their width, which wide features of a frozen
        encoder and few eyes do not pay for.
    """

    heads: int = 4
    width: int | None = None

    def __post_init__(self) -> None:
        """Refuse a width that the heads cannot share."""
        if self.width is not None and (self.width < 1 or self.width % self.heads):
            raise ValueError(f"width: {self.width}; allowed: multiples of heads, {self.heads}")

    def branches(self, dx: int, dy: int, sizes: Sizes) -> Mapping[str, nn.Module]:
        """Return the OCT branch and the fundus branch."""
        wide, deep = self.width or dx, self.width or dy
        oct_branch = two_layers(2 * dy, deep, deep, sizes.dropout)  # drawn first
        tokens: nn.Module = TokenFusion(wide, sizes.feed_forward, self.heads)
        if self.width is not None:
            tokens = nn.Sequential(nn.Linear(dx, wide), tokens)
        return {
            "oct_fusion": oct_branch,
            "fundus_fusion": tokens,
        }

    def outputs(self, dx: int, dy: int) -> int:
        """Return the width of both branches together."""
        return (self.width or dx) + (self.width or dy)

    def fuse(self, model: RIMA, fundus: Tensor, oct_features: Tensor) -> Tensor:
        """Return the fundus branch and the OCT branch side by side."""
        oct_branch = model.oct_fusion(torch.cat([oct_features, model.fundus2oct(fundus)], dim=1))
        tokens = torch.stack(
            [fundus, model.transport(oct_features), model.oct2fundus(oct_features)], dim=1
        )
        return torch.cat([model.fundus_fusion(tokens), oct_branch], dim=1)
