"""Partners drawn from the labelled transport coupling (method, section 1)."""

from dataclasses import dataclass

from torch import Tensor

from clients.couplings import Draws, share_a_class
from clients.partners import Partners, Points
from clients.partners.random import Random
from model.rima import Features


@dataclass(frozen=True)
class Labelled(Partners):
    """Drawn from the labelled Gromov-Wasserstein coupling, of a batch or with the bank."""

    def among_cases(
        self, features: Features, labels: Tensor, draws: Draws
    ) -> tuple[Tensor, Tensor]:
        """Draw from the coupling of the batch; at random where no class has both modalities."""
        lx, ly = labels[features.has_fundus], labels[features.has_oct]
        if not share_a_class(lx, ly):
            return Random().among_cases(features, labels, draws)
        x, y = features.fundus[features.has_fundus], features.oct[features.has_oct]
        plan = draws.log.coupling(x, y, lx, ly)
        return draws.from_plan(plan), draws.from_plan(plan.T)

    def among_prototypes(self, x: Tensor, labels: Tensor, bank: Points, draws: Draws) -> Tensor:
        """Draw from the coupling with the bank, the cases behind each prototype as marginals."""
        if not share_a_class(labels, bank.labels):
            return Random().among_prototypes(x, labels, bank, draws)
        plan = draws.log.coupling(x, bank.centres, labels, bank.labels, bank.weights)
        return draws.from_plan(plan)
