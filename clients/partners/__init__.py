"""What predictors learn to land on, one file a way (`method.align`)."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from clients.couplings import Draws
from fed.parts import Need
from fed.sites import Modality
from model.rima import Features


@dataclass(frozen=True)
class Points:
    """Prototypes of one modality, standardised.

    Attributes
    ----------
    modality : {"fundus", "oct"}
    centres, spread : Tensor
        ``(p, d)`` mean, and standard deviation of the features around it.
    labels : Tensor
        ``(p,)``.
    weights : Tensor
        ``(p,)`` share of the cases behind each.
    """

    modality: Modality
    centres: Tensor
    spread: Tensor
    labels: Tensor
    weights: Tensor


class Partners(ABC):
    """A way to find partners in the other modality.

    Attributes
    ----------
    needs : frozenset of Need
    in_bank : bool
        Whether it also finds partners among the bank's prototypes, at sites with one modality.
    """

    needs: ClassVar[frozenset[Need]] = frozenset()
    in_bank: ClassVar[bool] = True

    @abstractmethod
    def among_cases(
        self, features: Features, labels: Tensor, draws: Draws
    ) -> tuple[Tensor, Tensor]:
        """Return partners for a batch of ``n`` cases, ``f`` with fundus and ``o`` with OCT.

        Parameters
        ----------
        features : Features
            Standardised.

        Returns
        -------
        to_oct : Tensor
            ``(f,)``: for each fundus row the position of its partner among the OCT rows, -1 for none.
        to_fundus : Tensor
            ``(o,)``, the reverse.
        """

    @abstractmethod
    def among_prototypes(self, x: Tensor, labels: Tensor, bank: Points, draws: Draws) -> Tensor:
        """Return for features ``(n, d)`` the positions ``(n,)`` of prototypes; -1 for none."""
