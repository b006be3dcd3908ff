"""The tables of graded eyes: a row an eye, and a row for each image that could not be used."""

from collections.abc import Sequence
from dataclasses import astuple
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from clients.grading.adaptation import given
from clients.grading.encoding import Seen
from clients.grading.model import TrainedModel
from fed.data.ungraded import Unreadable
from fed.sites import NEEDED_BY, Condition
from model.rima import Features

Cell = str | float
UNREADABLE = ("case_id", "patient_id", "modality", "file", "reason")


class Answers(Protocol):
    """Who answers: a `TrainedModel`, or an `Adaptation` of one."""

    def answer(self, features: Features) -> NDArray[np.float64]:
        """Return class probabilities ``(n, K)``."""
        ...


class Column(Protocol):
    """Columns that a run may have something to say in: none of it, no column."""

    heads: tuple[str, ...]

    def cells(
        self, features: Features, conditions: Sequence[Condition], answers: NDArray[np.float64]
    ) -> list[list[Cell]]:
        """Return the cells of each row, given what was seen of it and its probabilities."""
        ...


class Sheet:
    """Writes what was seen of eyes as rows.

    Parameters
    ----------
    model : TrainedModel
    answers : Answers
        Who grades.
    columns : sequence of Column
        What more the run can tell of an eye, such as the prediction set of its condition.
    """

    def __init__(
        self, model: TrainedModel, answers: Answers, columns: Sequence[Column] = ()
    ) -> None:
        self._model, self._answers, self._columns = model, answers, tuple(columns)

    @property
    def heads(self) -> list[str]:
        """The heads of the columns."""
        probabilities = [f"p_{k}" for k in range(len(self._model.classes))]
        more = [head for column in self._columns for head in column.heads]
        return ["case_id", "patient_id", "grade", *probabilities, "modalities", *more, "doubts"]

    def rows(self, seen: Seen) -> list[list[Cell]]:
        """Return a row an eye of which something was seen."""
        probabilities = self._answers.answer(seen.features)
        conditions = _conditions(seen.features)
        more = [c.cells(seen.features, conditions, probabilities) for c in self._columns]
        grades = self._model.named(probabilities)
        return [
            [
                eye.case_id,
                eye.patient_id,
                grades[row],
                *map(float, probabilities[row]),
                "+".join(NEEDED_BY[conditions[row]]),
                *(cell for cells in more for cell in cells[row]),
                "; ".join(f"{d.modality}: {d.kind}" for d in seen.doubts[row]),
            ]
            for row, eye in enumerate(seen.eyes)
        ]


def unreadable_rows(unreadable: Sequence[Unreadable]) -> list[list[Cell]]:
    """Return a row for each."""
    return [list(astuple(each)) for each in unreadable]


def _conditions(features: Features) -> list[Condition]:
    found: list[Condition] = ["both"] * len(features)
    for condition, rows in given(features).items():
        for row in rows:
            found[row] = condition
    return found
