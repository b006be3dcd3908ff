"""The images of one site, decoded once and handed out as batches."""

from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fed.data.cases import SiteCases
from model.augmentation import augment_fundus, augment_oct
from model.rima import Batch


class SiteImages:
    """Images of a site's cases as tensors, read at first use and kept.

    Parameters
    ----------
    cases : SiteCases
    device : torch.device
        Where batches are put.
    """

    def __init__(self, cases: SiteCases, device: torch.device) -> None:
        self._cases = cases
        self._device = device
        self._fundus_rows = cases.indices("fundus")
        self._oct_rows = cases.indices("oct")
        self._position = {
            "fundus": _positions(self._fundus_rows, len(cases)),
            "oct": _positions(self._oct_rows, len(cases)),
        }

    @cached_property
    def _fundus(self) -> Tensor:
        return _stack([self._cases.images.fundus(i) for i in self._fundus_rows], 3)

    @cached_property
    def _oct(self) -> Tensor:
        return _stack([self._cases.images.oct(i) for i in self._oct_rows], 3)

    def batch(self, rows: NDArray[np.int64], augment: torch.Generator | None = None) -> Batch:
        """Return the images of the cases at `rows`, varied at random where a generator is given."""
        fundus_at, oct_at = self._position["fundus"][rows], self._position["oct"][rows]
        fundus = self._pick(self._fundus, fundus_at[fundus_at >= 0])
        oct_ = self._pick(self._oct, oct_at[oct_at >= 0])
        if augment is not None and len(fundus):
            fundus = augment_fundus(fundus, augment)
        if augment is not None and len(oct_):
            oct_ = augment_oct(oct_, augment)
        return Batch(
            fundus.to(self._device),
            oct_.to(self._device),
            torch.from_numpy(fundus_at >= 0).to(self._device),
            torch.from_numpy(oct_at >= 0).to(self._device),
        )

    @staticmethod
    def _pick(images: Tensor, positions: NDArray[np.int64]) -> Tensor:
        return images[torch.from_numpy(positions)].float().div_(255.0)


def _positions(rows: list[int], cases: int) -> NDArray[np.int64]:
    """Return for each case its position among those that have the modality, or -1."""
    positions = np.full(cases, -1, dtype=np.int64)
    positions[rows] = np.arange(len(rows))
    return positions


def _stack(images: list[NDArray[np.uint8]], dimensions: int) -> Tensor:
    if not images:
        return torch.zeros((0,) * (1 + dimensions), dtype=torch.uint8)
    return torch.from_numpy(np.stack(images))
