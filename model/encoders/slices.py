"""A 2D encoder over the slices of a volume, and how their features become one."""

import torch
from torch import Tensor, nn

ATTENTION_WIDTH = 64
"""Hidden width of the attention: one slice is told from others by far less than a feature holds."""


class GatedAttention(nn.Module):
    """Gated attention pooling (Ilse, Tomczak and Welling, ICML 2018, equation 9).

    Of slices with features ``h_s``, the mean with weights
    ``a_s = softmax_s(w' (tanh(V h_s) * sigmoid(U h_s)))``. Before training ``w`` is 0, and so it is the
    plain mean.

    Parameters
    ----------
    features : int
        Width of a slice's feature.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.signal = nn.Linear(features, ATTENTION_WIDTH)
        self.gate = nn.Linear(features, ATTENTION_WIDTH)
        self.score = nn.Linear(ATTENTION_WIDTH, 1, bias=False)
        nn.init.zeros_(self.score.weight)

    def weights(self, features: Tensor) -> Tensor:
        """Return the weight of each slice ``(n, slices)`` of features ``(n, slices, d)``."""
        hidden = torch.tanh(self.signal(features)) * torch.sigmoid(self.gate(features))
        scores: Tensor = self.score(hidden)
        return scores[..., 0].softmax(dim=1)

    def forward(self, features: Tensor) -> Tensor:
        """Map features ``(n, slices, d)`` to ``(n, d)``."""
        return torch.einsum("ns,nsd->nd", self.weights(features), features)


class SliceMean(nn.Module):
    """The mean over slices."""

    def forward(self, features: Tensor) -> Tensor:
        """Map features ``(n, slices, d)`` to ``(n, d)``."""
        return features.mean(dim=1)


class OverSlices(nn.Module):
    """A 2D encoder over the B-scans of a volume, and a pool over their features.

    Parameters
    ----------
    network : nn.Module
        Maps pictures ``(n, 3, height, width)`` to ``(n, features)``.
    features : int
    attention : bool
        Whether slices are pooled by gated attention, and not by their mean.
    """

    def __init__(self, network: nn.Module, features: int, attention: bool = False) -> None:
        super().__init__()
        self.network = network
        self.features = features
        self.pool = GatedAttention(features) if attention else SliceMean()

    def forward(self, volumes: Tensor) -> Tensor:
        """Map volumes ``(n, 1, slices, depth, width)`` to ``(n, features)``."""
        n, _, slices, depth, width = volumes.shape
        scans = volumes.reshape(n * slices, 1, depth, width).expand(-1, 3, -1, -1)
        pooled: Tensor = self.pool(self.network(scans).reshape(n, slices, self.features))
        return pooled
