"""Onboarding for eyes that nobody has graded: the hospital's archive, and its counts by grade."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, from_numpy

from clients.grading.model import TrainedModel
from clients.onboarding import Hospital
from clients.onboarding.archive import Knowledge, shares
from clients.onboarding.bayes import normalised
from clients.onboarding.procedures import DEFAULT
from fed.sites import Condition
from model.rima import Features


def given(features: Features) -> dict[Condition, NDArray[np.int64]]:
    """Return the positions of the eyes by what was seen of them."""
    fundus, oct_ = features.has_fundus.numpy(), features.has_oct.numpy()
    rows: dict[Condition, NDArray[np.bool_]] = {
        "both": fundus & oct_,
        "fundus": fundus & ~oct_,
        "oct": oct_ & ~fundus,
    }
    return {condition: np.flatnonzero(mask) for condition, mask in rows.items() if mask.any()}


@dataclass(frozen=True)
class Adaptation:
    """What a hospital adapts a model with: the default procedure of docs/onboarding.md.

    Attributes
    ----------
    model : TrainedModel
    archive : Features
        Of unlabelled eyes of the hospital.
    counts : ndarray
        ``(K,)`` how many of them are of each grade.
    """

    model: TrainedModel
    archive: Features
    counts: NDArray[np.float64]

    def answer(self, features: Features) -> NDArray[np.float64]:
        """Return class probabilities ``(n, K)``, each eye by what was seen of it.

        An eye with one image is adapted with that image of all archive eyes that have it; where
        the archive has none, only to the counts.
        """
        found = np.zeros((len(features), len(self.counts)))
        for condition, rows in given(features).items():
            found[rows] = self._under(condition, features[_index(rows)])
        return found

    def _under(self, condition: Condition, judged: Features) -> NDArray[np.float64]:
        hospital = Hospital(
            archive=granted(self.archive, condition),
            judged=judged,
            knowledge=Knowledge(self.counts),
            answer=self.model.answer,
            prior=self.model.prior,
            bank=self.model.bank,
        )
        return np.exp(normalised(DEFAULT(hospital, shares(self.counts))))


def granted(features: Features, condition: Condition) -> Features:
    """Return the eyes that have what a condition needs, with no more than that."""
    if condition == "both":
        return features[features.has_fundus & features.has_oct]
    return features.only(condition)


def _index(rows: NDArray[np.int64]) -> Tensor:
    return from_numpy(rows)
