"""The typed values that cross a site's border; nothing else does."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fed.pair_sums import PairSums
from fed.prototypes import Prototypes
from fed.sites import Condition, Modality
from fed.states import State

CARD = "query.card"
STATISTICS = "query.statistics"
SUMS = "query.sums"
TRAIN = "train"
EVALUATE = "evaluate"

Bank = Mapping[Modality, Prototypes]
"""Prototypes of each modality."""
Split = Literal["held_out", "validation"]


@dataclass(frozen=True)
class TrainTask:
    """What a site is asked to do in one round.

    Attributes
    ----------
    round : int
        From 1, over all phases.
    phase : int
        Position of the phase in ``method.phases``.
    lr : float
        Learning rate of the round.
    parameters : State
        The modules the site can use.
    bank : Bank
        Prototypes of the modalities the site lacks for some case.
    correction : State
        What is added to the gradient of each weight (SCAFFOLD); empty before the second round, and
        where the method keeps no control variates.
    anchors : State
        How the modalities of `bank` are predicted from the other, class by class; empty where the
        method asks for no linked pairs. `{modality}.weight` ``(K, d', d)`` and `{modality}.offset`
        ``(K, d)``, of standardised features.
    """

    round: int
    phase: int
    lr: float
    parameters: State
    bank: Bank
    correction: State = field(default_factory=dict)
    anchors: State = field(default_factory=dict)


@dataclass(frozen=True)
class StatisticsTask:
    """A request for class statistics of the site's features.

    Attributes
    ----------
    parameters : State
        The encoders of the modalities the site has.
    """

    parameters: State


@dataclass(frozen=True)
class Statistics:
    """A site's class statistics.

    Attributes
    ----------
    bank : Bank
        Clusters of the features of each modality.
    pairs : PairSums or None
        Across modalities, of linked eyes; None where nobody asks, or there are too few.
    """

    bank: Bank
    pairs: PairSums | None = None


@dataclass(frozen=True)
class TransportCount:
    """How the couplings of a round went.

    Attributes
    ----------
    couplings, not_converged : int
    left_out_classes : int
        Times a class had no partner in the other modality.
    seconds : float
    """

    couplings: int = 0
    not_converged: int = 0
    left_out_classes: int = 0
    seconds: float = 0.0

    def __add__(self, other: "TransportCount") -> "TransportCount":
        return TransportCount(
            self.couplings + other.couplings,
            self.not_converged + other.not_converged,
            self.left_out_classes + other.left_out_classes,
            self.seconds + other.seconds,
        )


@dataclass(frozen=True)
class Update:
    """What a site returns of a round.

    Attributes
    ----------
    parameters : State
        The modules it trained.
    cases : Mapping of str to int
        Cases behind each of those modules.
    losses : Mapping of str to float
        Mean of each loss over the round.
    transport : TransportCount
    examples : int
        Cases processed, all epochs together.
    seconds : float
        Compute time at the site.
    variates : State
        The mean gradient of each weight it trained, where the method keeps control variates.
    """

    site: str
    parameters: State
    cases: Mapping[str, int]
    losses: Mapping[str, float]
    transport: TransportCount
    examples: int
    seconds: float
    variates: State = field(default_factory=dict)


@dataclass(frozen=True)
class EvaluateTask:
    """What a site is asked to score.

    Attributes
    ----------
    part : {"held_out", "validation"}
        The cases of a held-out site, or the validation split of a training site.
    bank : Bank
        Prototypes of the modalities the site has, at the end of the run: how far its eyes lie from
        them, and to adapt the model to its archive, if it is to.
    """

    part: Split
    conditions: tuple[Condition, ...]
    parameters: State
    bank: Bank = field(default_factory=dict)


@dataclass(frozen=True)
class Scores:
    """A site's scores of the global model.

    Attributes
    ----------
    case_ids, patient_ids : tuple of str
        Of the ``n`` cases; pseudonyms, never names.
    labels : ndarray
        ``(n,)``.
    rows : Mapping
        For each condition the positions ``(n_c,)`` of the cases that have what it needs.
    probabilities : Mapping
        For each condition ``(n_c, K)``.
    model : str or None
        The site whose own model was scored; None: the global model. The server adds it.
    adapted : Mapping
        The same for each procedure of onboarding, by its name; empty if the site adapted nothing.
    distances : Mapping
        By modality, how far the cases that have it lie from the prototypes, in rising order and so
        of nobody in particular; empty if no prototypes were sent.
    groups : Mapping
        The group of each case in each column of ``evaluation.subgroups``.
    """

    site: str
    case_ids: tuple[str, ...]
    patient_ids: tuple[str, ...]
    labels: NDArray[np.int64]
    rows: Mapping[Condition, NDArray[np.int64]]
    probabilities: Mapping[Condition, NDArray[np.float64]]
    model: str | None = None
    adapted: Mapping[str, Mapping[Condition, NDArray[np.float64]]] = field(default_factory=dict)
    distances: Mapping[Modality, NDArray[np.float64]] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def adapted_by(self, procedure: str) -> "Scores":
        """Return the scores under a procedure of onboarding."""
        return replace(self, probabilities=self.adapted[procedure], adapted={})
