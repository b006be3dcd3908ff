"""What the procedures of onboarding are given, under one condition."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, from_numpy

from clients.onboarding.archive import Knowledge, shares
from clients.onboarding.bank import bank_evidence, covers
from clients.onboarding.bayes import estimated_shares, evidence_of
from clients.onboarding.means import mean_shift
from fed.protocol import Bank
from fed.sites import MODALITIES, Modality
from model.rima import Features

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Answer = Callable[[Features], Matrix]
"""The global model: class probabilities ``(n, K)`` of features."""

MODEL_SHARE = 0.5
"""Of the model in its geometric mean with the bank."""


@dataclass(frozen=True)
class Hospital:
    """A hospital that is given the same pictures of its archive and of the cases to judge.

    Attributes
    ----------
    archive, judged : Features
    knowledge : Knowledge
        Of the grades in the archive.
    answer : callable
        The global model.
    prior : ndarray
        ``(K,)`` class shares that the model's answers are made for: even, or those of the
        training cases.
    bank : Bank
        Prototypes of the modalities the hospital has; one that lacks a class is not used.
    """

    archive: Features
    judged: Features
    knowledge: Knowledge
    answer: Answer
    prior: Vector
    bank: Bank

    @cached_property
    def shares(self) -> Vector | None:
        """Class shares ``(K,)`` to expect, if anything is known of them."""
        if self.knowledge.counts is not None:
            return shares(self.knowledge.counts)
        return estimated_shares(self.evidence(self.archive)) if self.knowledge.estimated else None

    def answers(self, features: Features) -> Matrix:
        """Return the model's log posteriors ``(n, K)``."""
        return np.log(np.maximum(self.answer(features), np.finfo(np.float64).tiny))

    def model_evidence(self, features: Features) -> Matrix:
        """Return the model's log posteriors ``(n, K)``, made for even class shares."""
        return evidence_of(self.answers(features), self.prior)

    def evidence(self, features: Features) -> Matrix:
        """Return the geometric mean of model and bank ``(n, K)``, made for even class shares."""
        return self.averaged(self.model_evidence(features), features)

    def averaged(self, posteriors: Matrix, features: Features) -> Matrix:
        """Return ``1/2 log p_model + 1/2 log p_bank``; modalities multiply within the bank."""
        found = [
            bank_evidence(_present(features, m), self.bank[m], len(self.prior))
            for m in self._usable(features)
        ]
        if not found:
            return posteriors
        return MODEL_SHARE * posteriors + (1 - MODEL_SHARE) * np.sum(found, axis=0)

    def aligned(self, class_shares: Vector) -> "Hospital":
        """Return the hospital with each modality's features moved by its `mean_shift`."""
        shifts = {
            m: mean_shift(_present(self.archive, m), self.bank[m], class_shares)
            for m in self._usable(self.judged)
        }
        return replace(
            self, archive=_moved(self.archive, shifts), judged=_moved(self.judged, shifts)
        )

    def _usable(self, features: Features) -> list[Modality]:
        """Return the modalities that the condition grants and the bank knows every class of."""
        granted = {"fundus": features.has_fundus, "oct": features.has_oct}
        return [
            m
            for m in MODALITIES
            if bool(granted[m].any()) and m in self.bank and covers(self.bank[m], len(self.prior))
        ]


def _present(features: Features, modality: Modality) -> NDArray[np.float64]:
    """Return the features of one modality; under a condition, all rows have it or none."""
    values = features.fundus if modality == "fundus" else features.oct
    return np.asarray(values.cpu().numpy(), dtype=np.float64)


def _moved(features: Features, shifts: Mapping[Modality, Vector]) -> Features:
    def moved(modality: Modality, values: Tensor) -> Tensor:
        if modality not in shifts:
            return values
        return values + from_numpy(shifts[modality]).to(values)

    return replace(
        features, fundus=moved("fundus", features.fundus), oct=moved("oct", features.oct)
    )
