"""Partners drawn from a transport coupling that does not know the labels."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from clients.couplings import Draws
from clients.partners import Partners, Points
from clients.partners.labelled import Labelled
from model.rima import Features


@dataclass(frozen=True)
class Unlabelled(Partners):
    """Drawn from the Gromov-Wasserstein coupling without labels: the control of `labelled`."""

    def among_cases(
        self, features: Features, labels: Tensor, draws: Draws
    ) -> tuple[Tensor, Tensor]:
        """Draw from the coupling of the batch as if all cases were of one class."""
        return Labelled().among_cases(features, torch.zeros_like(labels), draws)

    def among_prototypes(self, x: Tensor, labels: Tensor, bank: Points, draws: Draws) -> Tensor:
        """Draw from the coupling with the bank as if all were of one class."""
        blank = replace(bank, labels=torch.zeros_like(bank.labels))
        return Labelled().among_prototypes(x, torch.zeros_like(labels), blank, draws)
