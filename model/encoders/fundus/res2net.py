"""Res2Net v1b (Gao et al., TPAMI 2021), the fundus encoder of RIMA."""

from dataclasses import dataclass

from torch import nn

from model.encoders.fundus import FundusEncoder
from model.encoders.res2net import Res2Net


@dataclass(frozen=True)
class Res2net(FundusEncoder):
    """Res2Net-50 v1b 26w x 4s, or a smaller one.

    Attributes
    ----------
    layers : tuple of int
        Blocks of the four stages.
    width : int
        Of the first stage; the feature has 32 times as much.
    """

    recomputes = True
    layers: tuple[int, int, int, int] = (3, 4, 6, 3)
    width: int = 64

    def build(self, image_size: int) -> nn.Module:
        """Return the network, which takes photographs of any size."""
        return Res2Net(self.layers, self.width)
