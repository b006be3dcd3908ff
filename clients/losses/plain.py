"""Cross-entropy as it is."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import cross_entropy

from clients.losses import Classification, Loss


@dataclass(frozen=True)
class Plain(Loss):
    """Cross-entropy."""

    def at_site(self, counts: Tensor) -> Classification:
        """Return cross-entropy, whatever the site's cases are."""

        def loss(logits: Tensor, labels: Tensor, base: Tensor | None = None) -> Tensor:
            return cross_entropy(logits if base is None else logits + base, labels)

        return loss
