"""The images of one site, decoded once and handed out as batches."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fed.data.cases import Pixels, SiteCases
from model.augmentation import augment_fundus, augment_oct, other_camera, other_scanner
from model.rima import Batch

KEPT_MAPPED = 2**26
"""Bytes of memory-mapped images up to which a site keeps them all, as it keeps decoded ones."""


class SiteImages:
    """Images of a site's cases as tensors, read at first use and kept.

    Memory-mapped images that are too many to keep are read when a batch asks for them; then only
    the system's cache holds them, once for all processes.

    Parameters
    ----------
    cases : SiteCases
    device : torch.device
        Where batches are put.
    other_devices : bool
        Whether varied images also take the look of other cameras and scanners.
    """

    def __init__(self, cases: SiteCases, device: torch.device, other_devices: bool = False) -> None:
        self._cases = cases
        self._device = device
        self._other_devices = other_devices
        self._fundus = _Images(cases.indices("fundus"), cases.images.fundus, cases.images.mapped)
        self._oct = _Images(cases.indices("oct"), cases.images.oct, cases.images.mapped)
        self._position = {
            "fundus": _positions(self._fundus.rows, len(cases)),
            "oct": _positions(self._oct.rows, len(cases)),
        }

    @property
    def nbytes(self) -> int:
        """Bytes of the images that are kept so far."""
        return self._fundus.nbytes + self._oct.nbytes

    def batch(self, rows: NDArray[np.int64], augment: torch.Generator | None = None) -> Batch:
        """Return the images of the cases at `rows`, varied at random where a generator is given."""
        plain = self.read(rows)
        return plain if augment is None else self.varied(plain, augment)

    def read(self, rows: NDArray[np.int64]) -> Batch:
        """Return the images of the cases at `rows` as they are, on the device."""
        fundus_at, oct_at = self._position["fundus"][rows], self._position["oct"][rows]
        return Batch(
            self._moved(self._fundus.pick(fundus_at[fundus_at >= 0])),
            self._moved(self._oct.pick(oct_at[oct_at >= 0])),
            torch.from_numpy(fundus_at >= 0).to(self._device),
            torch.from_numpy(oct_at >= 0).to(self._device),
        )

    def varied(self, plain: Batch, random: torch.Generator) -> Batch:
        """Return random variations of images; features are left as they are."""
        fundus, oct_ = plain.fundus, plain.oct
        if len(fundus) and fundus.ndim == 4:  # 2: features
            fundus = augment_fundus(fundus, random)
            fundus = other_camera(fundus, random) if self._other_devices else fundus
        if len(oct_) and oct_.ndim == 4:
            oct_ = augment_oct(oct_, random)
            oct_ = other_scanner(oct_, random) if self._other_devices else oct_
        return replace(plain, fundus=fundus, oct=oct_)

    def _moved(self, picked: Tensor) -> Tensor:
        """Return images in [0, 1], or features as they are, on the device.

        Bytes cross over, from pinned memory: a quarter of the traffic of floats.
        """
        if self._device.type == "cuda":
            picked = picked.pin_memory().to(self._device, non_blocking=True)
        return picked.float().div_(255.0) if picked.dtype == torch.uint8 else picked


class _Images:
    """The images of one modality.

    Parameters
    ----------
    rows : list of int
        The cases that have one.
    read : callable
        Returns the pixels of a case.
    mapped : bool
        Whether they are read from memory-mapped files.
    """

    def __init__(self, rows: list[int], read: Callable[[int], Pixels], mapped: bool) -> None:
        self.rows = rows
        self._read, self._mapped = read, mapped

    @cached_property
    def _kept(self) -> Tensor | None:
        if self._mapped and self.rows:
            size = self._read(self.rows[0]).nbytes
            if len(self.rows) * size > KEPT_MAPPED:
                return None
        return _stack(map(self._read, self.rows), len(self.rows))

    @property
    def nbytes(self) -> int:
        kept = vars(self).get("_kept")
        return 0 if kept is None else kept.nbytes

    def pick(self, positions: NDArray[np.int64]) -> Tensor:
        """Return those at `positions` among the images, or features, that there are."""
        if self._kept is None:
            return _stack((self._read(self.rows[at]) for at in positions), len(positions))
        return self._kept[torch.from_numpy(positions)]


def _positions(rows: list[int], cases: int) -> NDArray[np.int64]:
    """Return for each case its position among those that have the modality, or -1."""
    positions = np.full(cases, -1, dtype=np.int64)
    positions[rows] = np.arange(len(rows))
    return positions


def _stack(images: Iterator[Pixels], count: int) -> Tensor:
    """Return images as one tensor; each is let go of once it is in its place."""
    if not count:
        return torch.zeros((0, 0, 0, 0), dtype=torch.uint8)
    first = next(images)
    stacked = np.empty((count, *first.shape), first.dtype)
    stacked[0] = first
    for place, image in enumerate(images, 1):
        stacked[place] = image
    return torch.from_numpy(stacked)
