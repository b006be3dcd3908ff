"""FedProx: the local model stays near the global one (Li et al., MLSys 2020)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from model.rima import Features


class ProximalTerm:
    """``mu / 2 |w - w_global|^2`` over the weights that train.

    Parameters
    ----------
    weights : sequence of Parameter
        As the server sent them; their values now are the global ones.
    mu : float
    """

    name = "proximal"

    def __init__(self, weights: Sequence[nn.Parameter], mu: float) -> None:
        self._pairs = [(weight, weight.detach().clone()) for weight in weights]
        self._mu = mu

    def __call__(self, features: Features, labels: Tensor) -> Tensor:
        """Return the term; it is the same for any batch."""
        squares = [(weight - start).square().sum() for weight, start in self._pairs]
        return 0.5 * self._mu * torch.stack(squares).sum()
