"""What stands for an encoder that is frozen and has run already."""

from torch import Tensor, nn


class Given(nn.Module):
    """Passes features on as they are given.

    Parameters
    ----------
    features : int
        Their width.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.features = features

    def forward(self, features: Tensor) -> Tensor:
        """Map features ``(n, ..., features)``, with axes of length 1 between, to ``(n, features)``."""
        return features.flatten(1)
