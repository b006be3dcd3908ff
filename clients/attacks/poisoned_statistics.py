"""Class statistics that say of each class what is true of the others."""

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from pydantic import Field

from clients.attacks import Attack
from fed.protocol import Statistics
from fed.prototypes import Prototypes


@dataclass(frozen=True)
class PoisonedStatistics(Attack):
    """Sends clusters that lie on the other side of the mean of all; its weights are honest.

    Attributes
    ----------
    factor : float
        How many times as far from that mean as they are.
    """

    factor: Annotated[float, Field(gt=0)] = 1.0

    def statistics(self, statistics: Statistics) -> Statistics:
        """Reflect the means of each modality's clusters."""
        bank = {modality: self._reflected(own) for modality, own in statistics.bank.items()}
        return replace(statistics, bank=bank)

    def _reflected(self, clusters: Prototypes) -> Prototypes:
        centre, _ = clusters.moments()
        means = centre - self.factor * (clusters.means - centre)
        return replace(clusters, means=means.astype(np.float32))
