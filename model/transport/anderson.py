"""Anderson acceleration of a fixed-point iteration, a batch of problems at once."""

from __future__ import annotations

import torch
from torch import Tensor

MEMORY = 8
RIDGE = 1e-10
LARGEST_COEFFICIENTS = 1e4
TRUSTED_CHANGE = 1e-3
TRUSTED_DECREASES = 3


class Anderson:
    """Extrapolates from the last few steps of ``x <- G(x)``.

    Walker and Ni, SIAM J. Numer. Anal. 2011, with the normal equations slightly regularised.
    A problem is extrapolated only where its iteration is nearly linear: its last changes fell one
    after the other, to below `TRUSTED_CHANGE`. Earlier, an extrapolation could leave for another
    stationary point than the plain iteration finds.
    """

    def __init__(self, batch: int, size: int, like: Tensor) -> None:
        self.images = like.new_zeros(batch, MEMORY, size)
        self.residuals = like.new_zeros(batch, MEMORY, size)
        self.valid = torch.zeros(batch, MEMORY, dtype=torch.bool, device=like.device)
        self.decreases = torch.zeros(batch, dtype=torch.long, device=like.device)
        self.last_change = like.new_full((batch,), torch.inf)
        self.slot = 0

    def select(self, index: Tensor) -> None:
        """Keep the problems at `index`."""
        self.images, self.residuals = self.images[index], self.residuals[index]
        self.valid, self.decreases = self.valid[index], self.decreases[index]
        self.last_change = self.last_change[index]

    def extrapolate(self, image: Tensor, residual: Tensor, change: Tensor) -> Tensor:
        """Return the next iterate, given ``G(x)``, ``G(x) - x`` and its L1 norm (B,)."""
        falls = change < self.last_change
        self.decreases = torch.where(falls, self.decreases + 1, 0)
        self.last_change = change
        trusted = (self.decreases >= TRUSTED_DECREASES) & (change < TRUSTED_CHANGE)
        self.valid &= falls[:, None]
        if not bool(trusted.any()):
            return image
        flat_image, flat_residual = image.flatten(1), residual.flatten(1)
        differences = (self.residuals - flat_residual[:, None]) * self.valid[..., None]
        gram = differences @ differences.mT
        ridge = RIDGE * gram.diagonal(dim1=-2, dim2=-1).amax(-1, keepdim=True)
        gram.diagonal(dim1=-2, dim2=-1).add_(torch.where(self.valid, ridge, 1.0))
        factor, _ = torch.linalg.cholesky_ex(gram)
        weights = torch.cholesky_solve(differences @ flat_residual[..., None], factor).neg_()
        weights = torch.where(
            weights.abs().sum(1, keepdim=True) < LARGEST_COEFFICIENTS, weights, 0.0
        )
        weights *= self.valid[..., None]
        mixed = (1 - weights.sum(1)) * flat_image + (weights.mT @ self.images)[:, 0]
        self.images[:, self.slot], self.residuals[:, self.slot] = flat_image, flat_residual
        self.valid[:, self.slot] = trusted
        self.slot = (self.slot + 1) % MEMORY
        return torch.where(trusted[:, None], mixed, flat_image).view_as(image)
