"""Cross-entropy adjusted for the site's own class shares (Menon et al., ICLR 2021)."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from clients.losses import Classification, Loss

PSEUDO_COUNT = 0.5
"""Added to each class, so that the prior of an absent class is small and not zero."""


@dataclass(frozen=True)
class LogitAdjusted(Loss):
    """Cross-entropy with the site's log class shares added to the logits.

    The classifier learns what the images say of the grade, and leaves how common each grade is at
    the site to the prior.
    """

    even_shares = True

    def at_site(self, counts: Tensor) -> Classification:
        """Return cross-entropy under the site's label prior."""
        prior = log_prior(counts)

        def loss(logits: Tensor, labels: Tensor, base: Tensor | None = None) -> Tensor:
            adjusted = logits + prior
            return cross_entropy(adjusted if base is None else adjusted + base, labels)

        return loss


def log_prior(counts: Tensor) -> Tensor:
    """Return the log class shares ``(K,)`` of counts ``(K,)``; zeros where there is no case."""
    if not counts.any():
        return torch.zeros(len(counts), device=counts.device)
    counts = counts + PSEUDO_COUNT
    return torch.log(counts / counts.sum())
