"""No layers: the classifier is a linear head over both features side by side."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from model.fusions import Fusion
from model.rima import RIMA, Sizes


@dataclass(frozen=True)
class Linear(Fusion):
    """Nothing between the features of both and the classifier."""

    closed_form: ClassVar[bool] = True

    def branches(self, dx: int, dy: int, sizes: Sizes) -> Mapping[str, nn.Module]:
        """Return nothing."""
        return {}

    def fuse(self, model: RIMA, fundus: Tensor, oct_features: Tensor) -> Tensor:
        """Return both features side by side."""
        return torch.cat([fundus, oct_features], dim=1)
