"""A missing modality is the mean of the case's class over all sites that own it."""

from collections.abc import Mapping

import torch
from torch import Tensor

from clients.fills.fill import Completed
from clients.prototypes import ClassMeans
from fed.sites import Modality
from model.rima import Features


class ClassMeanFill:
    """Fills from class means; at test, where no class is known, the overall mean stands in.

    Parameters
    ----------
    means : Mapping of modality to ClassMeans
        Standardised; of the modalities that the site lacks for some case.
    """

    only_both = False
    as_seen = False

    def __init__(self, means: Mapping[Modality, ClassMeans]) -> None:
        self._means = means

    def complete(self, features: Features, labels: Tensor) -> Completed:
        """Give each case that lacks a modality the mean of its class."""
        fundus, fundus_found = self._filled("fundus", features.fundus, features.has_fundus, labels)
        oct_, oct_found = self._filled("oct", features.oct, features.has_oct, labels)
        return Completed(fundus, oct_, fundus_found & oct_found)

    def _filled(
        self, modality: Modality, values: Tensor, present: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        if modality not in self._means:
            return values, present
        means = self._means[modality]
        filled = torch.where(present[:, None], values, means.centres[labels])
        return filled, present | means.known[labels]
