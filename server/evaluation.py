"""Pooled and per-site metrics of the scores that came back, with intervals over patients."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fed.bootstrap import bootstrap
from fed.metrics import METRICS, scores
from fed.protocol import Scores
from fed.randomness import generator
from fed.sites import Condition

Table = dict[str, dict[str, Any]]
"""Condition -> metric -> {value, low, high}."""


@dataclass(frozen=True)
class _Sample:
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    patients: NDArray[np.str_]


def metric_table(
    sites: Sequence[Scores], conditions: Sequence[Condition], replicates: int, seed: int, name: str
) -> Table:
    """Return every metric of the sites taken together, by condition.

    Where sites keep their own models (`server.apart`), each model is judged by itself, and value,
    low and high are the means over the models that can serve the condition. The mean of the
    intervals is wider than the interval of the mean, so it errs on the safe side.

    Parameters
    ----------
    replicates : int
        Bootstrap resamples of the patients; 0 gives values without intervals.
    name : str
        Names the random stream of the bootstrap.
    """
    models = sorted({s.model for s in sites if s.model is not None})
    if models:
        return _mean(
            [
                metric_table(
                    [replace(s, model=None) for s in sites if s.model == model],
                    conditions,
                    replicates,
                    seed,
                    name,
                )
                for model in models
            ]
        )
    table: Table = {}
    for condition in conditions:
        sample = _pool(sites, condition)
        values = scores(sample.labels, sample.probabilities)
        table[condition] = {metric: {"value": values[metric]} for metric in METRICS}
        if replicates:
            random = generator(seed, name, condition, "bootstrap")
            intervals = bootstrap(
                sample.labels, sample.probabilities, sample.patients, METRICS, replicates, random
            )
            for metric in METRICS:
                low, high = intervals[metric]
                table[condition][metric] |= {"low": low, "high": high}
    return table


def _mean(tables: Sequence[Table]) -> Table:
    """Return the mean of each figure over the tables where it is defined; None where it never is."""
    return {
        condition: {
            metric: {
                figure: _mean_of([t[condition][metric][figure] for t in tables])
                for figure in figures
            }
            for metric, figures in metrics.items()
        }
        for condition, metrics in tables[0].items()
    }


def _mean_of(values: Sequence[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return sum(defined) / len(defined) if defined else None


def _pool(sites: Sequence[Scores], condition: Condition) -> _Sample:
    found = [s for s in sites if condition in s.rows and len(s.rows[condition])]
    if not found:
        return _Sample(np.zeros(0, np.int64), np.zeros((0, 2)), np.zeros(0, np.str_))
    return _Sample(
        np.concatenate([s.labels[s.rows[condition]] for s in found]),
        np.concatenate([s.probabilities[condition] for s in found]),
        np.concatenate([np.array(s.patient_ids)[s.rows[condition]] for s in found]),
    )


def prediction_rows(
    sites: Sequence[Scores], conditions: Sequence[Condition]
) -> list[list[str | int | float]]:
    """Return the rows of ``predictions.csv``: site, case, condition, label, probabilities.

    Where sites keep their own models, a row ends with the site whose model it is.
    """
    return [
        [s.site, s.case_ids[row], condition, int(s.labels[row]), *map(float, probabilities)]
        + ([] if s.model is None else [s.model])
        for s in sites
        for condition in conditions
        if condition in s.rows
        for row, probabilities in zip(s.rows[condition], s.probabilities[condition], strict=True)
    ]
