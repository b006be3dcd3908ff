"""Gradient steps that no single patient can move far: clipped by patient, summed, noised.

DP-SGD (Abadi et al., CCS 2016) with a patient as the unit (McMahan et al., ICLR 2018): the gradients
of all eyes of a patient are one gradient. Patients are taken one after the other, so that nothing
but the weights is shared between them.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from clients.noise import Noise


class PatientGradients:
    """The sum of the gradients of patients, each clipped to a norm.

    Without one of its patients the sum is another one by at most `clip`.

    Parameters
    ----------
    weights : sequence of Parameter
    clip : float
        Largest norm of a patient's gradient over all weights.
    """

    def __init__(self, weights: Sequence[nn.Parameter], clip: float) -> None:
        self._weights, self._clip = list(weights), clip
        self.sums = [torch.zeros_like(weight) for weight in weights]

    def add(self, loss: Tensor) -> None:
        """Add the clipped gradient of one patient's loss; one that is not finite counts as 0."""
        if not loss.requires_grad:
            return
        found = torch.autograd.grad(loss, self._weights, allow_unused=True)
        norm = torch.stack([g.double().square().sum() for g in found if g is not None]).sum().sqrt()
        if not torch.isfinite(norm):
            return
        scale = min(1.0, self._clip / max(float(norm), torch.finfo(torch.float64).tiny))
        for total, gradient in zip(self.sums, found, strict=True):
            if gradient is not None:
                total.add_(gradient, alpha=scale)

    def put(self, multiplier: float, expected: float, noise: Noise) -> None:
        """Give every weight its gradient: the sum and its noise, by the patients expected.

        Parameters
        ----------
        multiplier : float
            The noise has the standard deviation ``multiplier * clip``, in each coordinate.
        expected : float
            Patients that a step draws on average.
        """
        for weight, total in zip(self._weights, self.sums, strict=True):
            drawn = torch.from_numpy(noise.normal(weight.shape) * (multiplier * self._clip))
            weight.grad = (total + drawn.to(total)) / expected
            total.zero_()


class Patients:
    """The training patients of a site, drawn step by step, each with the same probability.

    Parameters
    ----------
    owners : sequence of str
        The patient of each of ``n`` cases.
    """

    def __init__(self, owners: Sequence[str]) -> None:
        _, owner = np.unique(np.asarray(owners), return_inverse=True)
        self._cases = [np.flatnonzero(owner == number) for number in range(owner.max() + 1)]

    def __len__(self) -> int:
        return len(self._cases)

    def drawn(self, rate: float, noise: Noise) -> Iterator[NDArray[np.int64]]:
        """Yield the positions of the cases of each patient drawn."""
        for number in np.flatnonzero(noise.uniform(len(self)) < rate):
            yield self._cases[number]
