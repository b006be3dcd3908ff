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
    """

    recomputes: ClassVar[bool] = False

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
