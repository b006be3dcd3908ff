"""Zeros for a missing modality: after standardising, the mean over all cases that have it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from clients.fills import Complete, Completed, Fill
from clients.local_round import LocalRound
from model.rima import Features


@dataclass(frozen=True)
class Zero(Fill):
    """Zeros in training and at test: after standardising, the mean."""

    def in_training(self, local: LocalRound) -> Complete:
        """Leave the zeros where they are, and call every case usable."""

        def complete(features: Features, labels: Tensor) -> Completed:
            return Completed(features.fundus, features.oct, torch.ones_like(features.has_fundus))

        return complete
