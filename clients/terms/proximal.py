"""FedProx: the local model stays near the global one (Li et al., MLSys 2020)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from clients.local_round import LocalRound
from clients.objectives.objective import Objective
from clients.terms import Term
from model.rima import Features


@dataclass(frozen=True)
class Proximal(Term):
    """FedProx: ``mu / 2 |w - w_global|^2`` over the weights that train.

    Attributes
    ----------
    mu : float
        Its weight.
    """

    mu: Annotated[float, Field(gt=0)] = 0.01

    def objective(self, local: LocalRound, weights: Sequence[nn.Parameter]) -> Objective:
        """Return the term around the weights as they are now."""
        return ProximalTerm(weights, self.mu)


class ProximalTerm:
    """``mu / 2 |w - w_global|^2``; the values of the weights at construction are the global ones."""

    name = "proximal"

    def __init__(self, weights: Sequence[nn.Parameter], mu: float) -> None:
        self._pairs = [(weight, weight.detach().clone()) for weight in weights]
        self._mu = mu

    def __call__(self, features: Features, labels: Tensor) -> Tensor:
        """Return the term; it is the same for any batch."""
        squares = [(weight - start).square().sum() for weight, start in self._pairs]
        return 0.5 * self._mu * torch.stack(squares).sum()
