"""What stands for an encoder that is frozen and has run already."""

from torch import Tensor, nn
from torch.nn.functional import batch_norm


class Given(nn.Module):
    """Passes features on as they are given.

    Parameters
    ----------
    features : int
        Their width.
    standardise : bool
        Whether they are brought to zero mean and unit variance, as by BatchNorm without scale and
        shift: by the moments of the batch in training, by running moments otherwise.
    """

    def __init__(self, features: int, standardise: bool = False) -> None:
        super().__init__()
        self.features = features
        self.moments = nn.BatchNorm1d(features, affine=False) if standardise else None

    def forward(self, features: Tensor) -> Tensor:
        """Map features ``(n, ..., features)``, with axes of length 1 between, to ``(n, features)``."""
        flat = features.flatten(1)
        if self.moments is None:
            return flat
        if self.training and len(flat) == 1:  # one case has no variance
            moments = self.moments
            return batch_norm(flat, moments.running_mean, moments.running_var, eps=moments.eps)
        standardised: Tensor = self.moments(flat)
        return standardised
