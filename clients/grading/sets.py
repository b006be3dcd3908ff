"""Prediction sets of eyes that nobody has graded: thresholds by condition, and the column."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from clients.grading.adaptation import granted
from clients.grading.table import Answers
from fed.judgement.conformal import sets_of, threshold_of
from fed.sites import CONDITIONS, Condition
from model.rima import Features

Thresholds = Mapping[Condition, float]
"""Least probability of a grade that is in the set; see `fed.judgement.conformal`."""


def thresholds_at(
    answers: Answers, features: Features, labels: NDArray[np.int64], coverage: float
) -> dict[Condition, float]:
    """Return the thresholds that graded eyes of a hospital give.

    An eye with both images is calibrated on under all three conditions, as a run does.

    Parameters
    ----------
    answers : Answers
        Who will grade the eyes that get the sets.
    features : Features
        Of ``n`` graded eyes.
    labels : array (n,)
    coverage : float
    """
    found: dict[Condition, float] = {}
    for condition, rows in graded_under(features).items():
        probabilities = answers.answer(granted(features, condition))
        found[condition] = threshold_of(labels[rows], probabilities, coverage)
    return found


def graded_under(features: Features) -> dict[Condition, NDArray[np.int64]]:
    """Return the positions of the eyes that have what each condition needs."""
    fundus, oct_ = features.has_fundus.numpy(), features.has_oct.numpy()
    having = {"both": fundus & oct_, "fundus": fundus, "oct": oct_}
    return {condition: np.flatnonzero(having[condition]) for condition in CONDITIONS}


class PredictionSets:
    """The column of an eye's prediction set: its grades, mildest first.

    Parameters
    ----------
    thresholds : Mapping
        By condition; an eye under another one gets an empty cell.
    classes : sequence of str
    """

    heads: tuple[str, ...] = ("set",)

    def __init__(self, thresholds: Thresholds, classes: Sequence[str]) -> None:
        self._thresholds, self._classes = dict(thresholds), tuple(classes)

    def cells(
        self, features: Features, conditions: Sequence[Condition], answers: NDArray[np.float64]
    ) -> list[list[str | float]]:
        """Return the grades of each eye's set, one cell a row."""
        return [
            [self._named(self._thresholds.get(condition), answers[row : row + 1])]
            for row, condition in enumerate(conditions)
        ]

    def _named(self, threshold: float | None, probabilities: NDArray[np.float64]) -> str:
        if threshold is None:
            return ""
        (kept,) = sets_of(probabilities, threshold)
        return "; ".join(name for name, held in zip(self._classes, kept, strict=True) if held)
