"""Classification losses of heads and fusion, one file each (`method.loss`)."""

from abc import ABC, abstractmethod
from typing import ClassVar, Protocol

from torch import Tensor


class Classification(Protocol):
    """The loss of a batch."""

    def __call__(self, logits: Tensor, labels: Tensor, base: Tensor | None = None) -> Tensor:
        """Return the mean loss, a scalar.

        Parameters
        ----------
        logits : Tensor
            ``(n, K)``.
        labels : Tensor
            ``(n,)``.
        base : Tensor, optional
            ``(n, K)`` log-probabilities that the logits correct: they are added.
        """
        ...


class Loss(ABC):
    """A classification loss.

    Attributes
    ----------
    even_shares : bool
        Whether answers are made for even class shares, whatever the sites' shares were.
    """

    even_shares: ClassVar[bool] = False

    @abstractmethod
    def at_site(self, counts: Tensor) -> Classification:
        """Return the loss at a site whose cases count ``(K,)`` by class."""
