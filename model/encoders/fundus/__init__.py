"""Encoders of colour fundus photographs, one file each (`model.encoders.fundus`)."""

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import nn


class FundusEncoder(ABC):
    """A fundus encoder.

    Attributes
    ----------
    recomputes : bool
        Whether its blocks can be computed again in the backward pass (``training.checkpointing``).
    training_s : float or None
        Processor time that a pixel takes to train it, augmentation included, where that was
        measured; otherwise it is tried out before a study (`fed.study.cost`).
    """

    recomputes: ClassVar[bool] = False
    training_s: ClassVar[float | None] = None

    @abstractmethod
    def build(self, image_size: int) -> nn.Module:
        """Return the network, freshly initialised.

        Parameters
        ----------
        image_size : int
            Height and width of the photographs, pixels.

        Returns
        -------
        nn.Module
            Maps ``(n, 3, image_size, image_size)`` in [0, 1] to ``(n, features)``, and tells its
            width as ``features``.
        """
