"""No fill in training: the fusion learns from cases with both modalities alone."""

from torch import Tensor

from clients.fills.fill import Completed
from model.rima import Features


class NoFill:
    """Leaves cases that lack a modality out."""

    only_both = True
    as_seen = False

    def complete(self, features: Features, labels: Tensor) -> Completed:
        """Mark the cases that have both."""
        return Completed(features.fundus, features.oct, features.has_fundus & features.has_oct)
