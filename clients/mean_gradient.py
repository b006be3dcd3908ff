"""The mean gradient along a site's local steps: its control variate (SCAFFOLD)."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class MeanGradient:
    """Averages the gradients of a round's steps, less what corrects them.

    Parameters
    ----------
    weights : Mapping of str to Parameter
        By name.
    corrections : sequence of Tensor
        That the gradient of each weight holds beside the site's own.

    Notes
    -----
    With steps of plain gradient descent at a rate ``l`` this is the second option of Karimireddy et
    al. (ICML 2020), ``c_i - c + (x - y) / (K l)`` after ``K`` steps from ``x`` to ``y``; unlike it,
    it has a meaning whatever optimiser takes the steps.
    """

    def __init__(self, weights: Mapping[str, nn.Parameter], corrections: Sequence[Tensor]) -> None:
        self._weights = weights
        self._corrections = corrections
        self._sums = [torch.zeros_like(w, dtype=torch.float64) for w in weights.values()]
        self._steps = 0

    def add(self) -> None:
        """Take in the gradients as they are, before the optimiser uses them."""
        for total, weight in zip(self._sums, self._weights.values(), strict=True):
            if weight.grad is not None:
                total += weight.grad
        self._steps += 1

    def result(self) -> dict[str, NDArray[np.float32]]:
        """Return the mean of each weight's own gradient, by name."""
        return {
            name: (total / self._steps - correction).float().contiguous().cpu().numpy()
            for name, total, correction in zip(
                self._weights, self._sums, self._corrections, strict=True
            )
        }
