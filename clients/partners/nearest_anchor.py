"""The nearest of the class to what is predicted: the control of `anchored`, without marginals."""

from dataclasses import dataclass

import torch
from torch import Tensor

from clients.couplings import Draws
from clients.partners.anchored import Anchored


@dataclass(frozen=True)
class NearestAnchor(Anchored):
    """As `anchored`, each case with the nearest, however many others have that one, too."""

    def _plan(
        self, x: Tensor, y: Tensor, lx: Tensor, ly: Tensor, weights: Tensor | None, draws: Draws
    ) -> Tensor:
        distances = torch.cdist(x, y).masked_fill(lx[:, None] != ly[None, :], torch.inf)
        nearest = distances == distances.amin(dim=1, keepdim=True)
        return (nearest & distances.isfinite()).to(x.dtype)
