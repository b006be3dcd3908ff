"""Random partners of the same class: the control that any coupling has to beat."""

from dataclasses import dataclass

from torch import Tensor

from clients.couplings import Draws
from clients.partners import Partners, Points
from model.rima import Features


@dataclass(frozen=True)
class Random(Partners):
    """Drawn at random among those of the same class, in place of transport."""

    def among_cases(
        self, features: Features, labels: Tensor, draws: Draws
    ) -> tuple[Tensor, Tensor]:
        """Draw among the cases of the same class."""
        x, y = features.fundus[features.has_fundus], features.oct[features.has_oct]
        lx, ly = labels[features.has_fundus], labels[features.has_oct]
        return (
            draws.same_class(lx, ly, y.new_ones(len(ly))),
            draws.same_class(ly, lx, x.new_ones(len(lx))),
        )

    def among_prototypes(self, x: Tensor, labels: Tensor, bank: Points, draws: Draws) -> Tensor:
        """Draw among the prototypes of the class, in proportion to the cases behind each."""
        return draws.same_class(labels, bank.labels, bank.weights)
