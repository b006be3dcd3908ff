"""Imputation: what stands for a missing modality, one file a way (`method.fill`)."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor

from fed.parts import Need
from model.rima import RIMA, Features

if TYPE_CHECKING:
    from clients.local_round import LocalRound


@dataclass(frozen=True)
class Completed:
    """Features of both modalities for every case that has or was given them.

    Attributes
    ----------
    fundus, oct : Tensor
        ``(n, dx)`` and ``(n, dy)``, standardised.
    usable : Tensor
        ``(n,)``, bool: False where a modality is missing and nothing was found to stand for it.
    """

    fundus: Tensor
    oct: Tensor
    usable: Tensor


Complete = Callable[[Features, Tensor], Completed]
"""Completes a batch of standardised features, given the labels ``(n,)`` of its cases."""


class Fill(ABC):
    """A way to complete cases that lack a modality, in training and at test.

    Attributes
    ----------
    needs : frozenset of Need
    only_both : bool
        Whether only cases with both modalities train the fusion.
    as_seen : bool
        Whether the expert of a filled modality answers too, as if an image had been seen. A partner
        that is drawn at random may be shown to it; a class mean would tell it the label.
    """

    needs: ClassVar[frozenset[Need]] = frozenset()
    only_both: ClassVar[bool] = False
    as_seen: ClassVar[bool] = False

    @abstractmethod
    def in_training(self, local: "LocalRound") -> Complete:
        """Return what completes the batches of one round at one site."""

    def at_test(self, model: RIMA, features: Features) -> Features:
        """Return standardised features with nothing missing, where no label is known.

        By default absent rows stay zeros, the mean of all cases that have the modality.
        """
        return features
