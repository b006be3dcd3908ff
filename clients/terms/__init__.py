"""Further terms of the local objective, one file each (`method.terms`)."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from torch import nn

from clients.objectives.objective import Objective
from fed.parts import Need

if TYPE_CHECKING:
    from clients.local_round import LocalRound


class Term(ABC):
    """A term that is added to the losses of heads, fusion and predictors.

    Attributes
    ----------
    needs : frozenset of Need
    with_parts : frozenset of str
        Parts of the network that must train together in a phase for the term to count there; empty:
        it counts in every phase.
    """

    needs: ClassVar[frozenset[Need]] = frozenset()
    with_parts: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def objective(self, local: "LocalRound", weights: Sequence[nn.Parameter]) -> Objective:
        """Return the term for one round at one site.

        Parameters
        ----------
        weights : sequence of Parameter
            Those that train, as the server sent them.
        """
