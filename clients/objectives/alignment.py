"""Alignment of the predictors: what one modality predicts of the other lands on a partner."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import cosine_similarity, mse_loss

from clients.couplings import Draws
from clients.partners import Partners
from clients.virtual_partners import VirtualPartners
from fed.sites import Modality
from model.rima import RIMA, Features


def cosine_distance(predicted: Tensor, targets: Tensor) -> Tensor:
    """Return the mean of ``1 - cos(prediction, target)`` over the rows (method, section 3)."""
    return (1 - cosine_similarity(predicted, targets, dim=1)).mean()


DISTANCES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cosine": cosine_distance,
    "squared": mse_loss,
}


@dataclass
class AlignmentLoss:
    """Teach the predictors to land on partners, in both directions.

    Features enter detached: the predictors alone learn from it (method, section 3).

    Attributes
    ----------
    own : Partners or None
        Finds partners among the site's own cases, where a batch has both modalities.
    bank : Mapping of modality to VirtualPartners
        Draws partners from the bank otherwise.
    draws : Draws
    distance : callable
        Of predictions and targets ``(n, d)``, to a scalar.
    """

    model: RIMA
    own: Partners | None
    bank: Mapping[Modality, VirtualPartners]
    draws: Draws
    distance: Callable[[Tensor, Tensor], Tensor] = cosine_distance
    name: str = "alignment"

    def __call__(self, features: Features, labels: Tensor) -> Tensor:
        """Return the sum of both directions, over all cases that found a partner."""
        given = self.model.transport.standardise(features)
        fundus, oct_ = given.fundus[given.has_fundus].detach(), given.oct[given.has_oct].detach()
        if len(fundus) and len(oct_) and self.own is not None:
            to_oct, to_fundus = self.own.among_cases(given, labels, self.draws)
            return self._towards_oct(
                fundus[to_oct >= 0], oct_[to_oct[to_oct >= 0]]
            ) + self._towards_fundus(oct_[to_fundus >= 0], fundus[to_fundus[to_fundus >= 0]])
        loss = fundus.sum() * 0.0
        if len(fundus) and "oct" in self.bank:
            partners, found = self.bank["oct"].draw(fundus, labels[given.has_fundus])
            loss = loss + self._both_ways(fundus[found], partners[found])
        if len(oct_) and "fundus" in self.bank:
            partners, found = self.bank["fundus"].draw(oct_, labels[given.has_oct])
            loss = loss + self._both_ways(partners[found], oct_[found])
        return loss

    def _both_ways(self, fundus: Tensor, oct_: Tensor) -> Tensor:
        return self._towards_oct(fundus, oct_) + self._towards_fundus(oct_, fundus)

    def _towards_oct(self, fundus: Tensor, targets: Tensor) -> Tensor:
        return self._distance(self.model.fundus2oct(fundus), targets)

    def _towards_fundus(self, oct_: Tensor, targets: Tensor) -> Tensor:
        return self._distance(self.model.oct2fundus(oct_), targets)

    def _distance(self, predicted: Tensor, targets: Tensor) -> Tensor:
        """Return 0 where no case found a partner."""
        return self.distance(predicted, targets.detach()) if len(predicted) else predicted.sum()
