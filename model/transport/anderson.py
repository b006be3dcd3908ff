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
    are given as the image ``G(x)`` and the residual ``G(x) - x``, up to a factor, both (B, size). What
    is remembered is how they differ from one step to the next; an empty place holds zeros.
    """

    def __init__(self, batch: int, size: int, like: Tensor) -> None:
        self.images = like.new_zeros(batch, MEMORY, size)
        self.residuals = like.new_zeros(batch, MEMORY, size)
        self.last: tuple[Tensor, Tensor] | None = None
        self.slot = 0

    def select(self, index: Tensor) -> None:
        """Keep the problems at `index`."""
        self.images, self.residuals = self.images[index], self.residuals[index]
        if self.last is not None:
            self.last = self.last[0][index], self.last[1][index]

    def forget(self, kept: Tensor) -> None:
        """Begin anew with the problems that are not `kept` (B,)."""
        self.residuals.mul_(kept[:, None, None])

    def record(self, image: Tensor, residual: Tensor) -> None:
        """Remember a step."""
        if self.last is not None:
            torch.sub(image, self.last[0], out=self.images[:, self.slot])
            torch.sub(residual, self.last[1], out=self.residuals[:, self.slot])
            self.slot = (self.slot + 1) % MEMORY
        self.last = image, residual

    def extrapolate(self) -> Tensor:
        """Return the next iterate: the mix of remembered images whose residual is smallest."""
        assert self.last is not None, "nothing recorded"
        image, residual = self.last
        gram = self.residuals @ self.residuals.mT
        diagonal = gram.diagonal(dim1=-2, dim2=-1)
        ridge = RIDGE * diagonal.amax(-1, keepdim=True)
        diagonal.add_(ridge.clamp_(min=torch.finfo(gram.dtype).tiny))
        factor, _ = torch.linalg.cholesky_ex(gram)
        weights = torch.cholesky_solve(self.residuals @ residual[..., None], factor)
        # So large or not a number where the factorisation failed: the plain step then.
        sound = torch.linalg.vector_norm(weights, 1, dim=1, keepdim=True) < LARGEST_COEFFICIENTS
        weights = torch.where(sound, weights, 0.0)
        return image - (weights.mT @ self.images)[:, 0]
