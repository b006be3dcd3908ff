"""The mean of the case's class over all sites that own the missing modality."""

from dataclasses import dataclass

import torch
from torch import Tensor

from clients.fills import Complete, Completed, Fill
from clients.local_round import LocalRound
from fed.parts import Need
from fed.sites import Modality
from model.rima import Features


@dataclass(frozen=True)
class ClassMean(Fill):
    """The mean of the case's class in training; zeros at test, where no class is known."""

    needs = frozenset({Need.PROTOTYPES})

    def in_training(self, local: LocalRound) -> Complete:
        """Give each case that lacks a modality the mean of its class."""
        means = local.class_means

        def filled(
            modality: Modality, values: Tensor, present: Tensor, labels: Tensor
        ) -> tuple[Tensor, Tensor]:
            if modality not in means:
                return values, present
            mean = means[modality]
            completed = torch.where(present[:, None], values, mean.centres[labels])
            return completed, present | mean.known[labels]

        def complete(features: Features, labels: Tensor) -> Completed:
            fundus, has_fundus = filled("fundus", features.fundus, features.has_fundus, labels)
            oct_, has_oct = filled("oct", features.oct, features.has_oct, labels)
            return Completed(fundus, oct_, has_fundus & has_oct)

        return complete
