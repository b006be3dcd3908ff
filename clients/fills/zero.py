"""A missing modality is zeros: after standardising, the mean over all cases that have it."""

import torch
from torch import Tensor

from clients.fills.fill import Completed
from model.rima import Features


class ZeroFill:
    """Leaves the zeros where they are."""

    only_both = False
    as_seen = False

    def complete(self, features: Features, labels: Tensor) -> Completed:
        """Call every case usable."""
        return Completed(features.fundus, features.oct, torch.ones_like(features.has_fundus))
