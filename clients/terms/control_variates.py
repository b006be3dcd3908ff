"""SCAFFOLD: control variates against the drift of local models (Karimireddy et al., ICML 2020)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from clients.local_round import LocalRound
from clients.objectives.objective import Objective
from clients.terms import Term
from fed.parts import Need
from model.rima import Features


@dataclass(frozen=True)
class ControlVariates(Term):
    """``<c - c_i, w>``, whose gradient corrects each step by the mean variate less the site's own."""

    needs = frozenset({Need.CONTROL_VARIATES})

    def objective(self, local: LocalRound, weights: Sequence[nn.Parameter]) -> Objective:
        """Return the term with the correction that the server sent."""
        return Correction(list(zip(weights, local.corrections(weights), strict=True)))


@dataclass
class Correction:
    """A linear term: the same for any batch."""

    pairs: Sequence[tuple[nn.Parameter, Tensor]]
    name: str = "control_variates"

    def __call__(self, features: Features, labels: Tensor) -> Tensor:
        """Return the inner product of weights and corrections."""
        return torch.stack([(weight * own).sum() for weight, own in self.pairs]).sum()
