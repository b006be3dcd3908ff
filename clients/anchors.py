"""Anchors at a site: one modality's features as the bank's linked pairs predict them."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from fed.sites import MODALITIES, Modality
from fed.states import State


@dataclass(frozen=True)
class Anchors:
    """What one modality is predicted with from the other, class by class.

    Attributes
    ----------
    weight, offset : Tensor
        ``(K, d', d)`` and ``(K, d)``, of standardised features.
    """

    weight: Tensor
    offset: Tensor

    def predicted(self, features: Tensor, labels: Tensor) -> Tensor:
        """Return what features ``(n, d')`` of the other modality say of this one's, ``(n, d)``."""
        found = features.new_empty(len(features), self.offset.shape[1])
        for label in labels.unique():
            rows = labels == label
            found[rows] = features[rows] @ self.weight[label] + self.offset[label]
        return found


def anchors_from(sent: State, device: torch.device) -> Mapping[Modality, Anchors]:
    """Return the anchors of each modality that the server sent."""
    return {
        modality: Anchors(
            *(
                torch.from_numpy(sent[f"{modality}.{part}"].copy()).to(device)
                for part in ("weight", "offset")
            )
        )
        for modality in MODALITIES
        if f"{modality}.weight" in sent
    }
