"""Encoders of OCT volumes, one file each (`model.encoders.oct`)."""

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import nn


class OctEncoder(ABC):
    """An OCT encoder.

    Attributes
    ----------
    recomputes : bool
        Whether its blocks can be computed again in the backward pass (``training.checkpointing``).
    training_s : float or None
        Processor time that a voxel takes to train it, augmentation included, where that was
        measured; otherwise it is tried out before a study (`fed.study.cost`).
    """

    recomputes: ClassVar[bool] = False
    training_s: ClassVar[float | None] = None

    @property
    def learns_pooling(self) -> bool:
        """Whether it pools slices by weights that start without a use: it is nothing without training."""
        return False

    @abstractmethod
    def build(self, volume_size: tuple[int, int, int]) -> nn.Module:
        """Return the network, freshly initialised.

        Parameters
        ----------
        volume_size : tuple of int
            Slices, depth, width; one slice for B-scans.

        Returns
        -------
        nn.Module
            Maps ``(n, 1, slices, depth, width)`` in [0, 1] to ``(n, features)``, and tells its
            width as ``features``.
        """
