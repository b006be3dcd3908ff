"""Scores: estimates with their intervals, and what they rest on."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import SerializerFunctionWrapHandler, model_serializer

from fed.results.record import Record


class Estimate(Record):
    """A metric with its 95 % interval; None where it is undefined, or has no interval."""

    value: float | None = None
    low: float | None = None
    high: float | None = None

    @model_serializer(mode="wrap")
    def _as_given(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the interval where none was asked for."""
        return {k: v for k, v in write(self).items() if k == "value" or k in self.model_fields_set}


Table = dict[str, dict[str, Estimate]]
"""Estimates by condition and metric."""


class Count(Record):
    """What an estimate rests on: cases, their patients, and cases by class."""

    cases: int
    patients: int
    by_class: tuple[int, ...]


class Counts(Record):
    """Counts by condition, of all held-out sites and of each."""

    pooled: Mapping[str, Count] = {}
    sites: Mapping[str, dict[str, Count]] = {}


class ModelScores(Record):
    """The metrics that are shown of one model, at all held-out sites together and at each.

    Values alone: all of them, with intervals, would be many times the rest of the results, and
    ``predictions.csv`` has the scores of each model.
    """

    pooled: Table
    sites: dict[str, Table]


class HeldOut(Record):
    """Scores at the sites that never trained: of all their cases together, and of each site's.

    Attributes
    ----------
    pooled, sites : dict
        Where sites keep models of their own, means over the models.
    counts : Counts
    models : dict or None
        Those models, by the name of the site.
    """

    pooled: Table
    sites: dict[str, Table]
    counts: Counts = Counts()
    models: Mapping[str, ModelScores] | None = None


class Validation(Record):
    """Scores on the cases that training sites kept back."""

    pooled: Table


class OperatingPoint(Record):
    """Yes or no, of two classes: figures of the second at a threshold of its probability.

    Attributes
    ----------
    threshold : float
        The largest at which the target was met.
    chosen_on : {"validation", "held_out"}
        The cases it was chosen on. Chosen on the held-out cases themselves, it flatters.
    target : float
        The sensitivity asked for.
    sensitivity, specificity, positive_predictive_value, negative_predictive_value : Estimate
        Of all held-out cases.
    """

    threshold: float
    chosen_on: Literal["validation", "held_out"]
    target: float
    sensitivity: Estimate
    specificity: Estimate
    positive_predictive_value: Estimate
    negative_predictive_value: Estimate


class Adapted(Record):
    """What held-out sites brought to adapt the model with, and how it did, by procedure.

    Attributes
    ----------
    archive : int
        Unlabelled cases at each site.
    counts : str
        What was known of their grades: ``none, estimated, known, noisy``.
    pooled, sites : dict
        ``unadapted`` is the model as it came.
    """

    archive: int
    counts: str
    pooled: dict[str, Table]
    sites: dict[str, dict[str, Table]]
