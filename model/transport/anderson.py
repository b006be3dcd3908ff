"""Anderson acceleration of a fixed-point iteration, a batch of problems at once."""

from __future__ import annotations

import torch
from torch import Tensor

MEMORY = 8
RIDGE = 1e-10
LARGEST_COEFFICIENTS = 1e4


class Anderson:
    """Extrapolates from the last few steps of ``x <- G(x)``.

    Walker and Ni, SIAM J. Numer. Anal. 2011, with the normal equations slightly regularised. Steps
    are given as the image ``G(x)`` and the residual ``G(x) - x``, both (B, size).
    """

    def __init__(self, batch: int, size: int, like: Tensor) -> None:
        self.images = like.new_zeros(batch, MEMORY, size)
        self.residuals = like.new_zeros(batch, MEMORY, size)
        self.valid = torch.zeros(batch, MEMORY, dtype=torch.bool, device=like.device)
        self.slot = 0

    def select(self, index: Tensor) -> None:
        """Keep the problems at `index`."""
        self.images, self.residuals = self.images[index], self.residuals[index]
        self.valid = self.valid[index]

    def forget(self) -> None:
        """Begin anew."""
        self.valid = torch.zeros_like(self.valid)

    def record(self, image: Tensor, residual: Tensor, kept: Tensor | bool = True) -> None:
        """Remember a step, of the problems that are `kept` (B,)."""
        self.images[:, self.slot], self.residuals[:, self.slot] = image, residual
        self.valid[:, self.slot] = kept
        self.slot = (self.slot + 1) % MEMORY

    def extrapolate(self, image: Tensor, residual: Tensor) -> Tensor:
        """Return the next iterate: the mix of remembered images whose residual is smallest."""
        differences = (self.residuals - residual[:, None]) * self.valid[..., None]
        gram = differences @ differences.mT
        diagonal = gram.diagonal(dim1=-2, dim2=-1)
        ridge = RIDGE * diagonal.amax(-1, keepdim=True)
        diagonal.add_(torch.where(self.valid, ridge, 1.0))
        factor, _ = torch.linalg.cholesky_ex(gram)
        weights = torch.cholesky_solve(differences @ residual[..., None], factor).neg_()
        # So large or not a number where the factorisation failed: the plain step then.
        sound = weights.abs().sum(1, keepdim=True) < LARGEST_COEFFICIENTS
        weights = torch.where(sound & self.valid[..., None], weights, 0.0)
        return image - weights.sum(1) * image + (weights.mT @ self.images)[:, 0]
