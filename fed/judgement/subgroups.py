"""Every metric by group of patients, the group that is worst off, and the equity-scaled AUC."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fed.metrics import (
    Sample,
    WeightedSample,
    bootstrap,
    evaluate,
    interval_of,
    metric,
    patients_of_sites,
    resamples,
)
from fed.results import Count, Estimate, GroupTable, Subgroup
from fed.sites import CONDITIONS, Condition

if TYPE_CHECKING:
    import pandas as pd

Vector = NDArray[np.float64]

UNKNOWN = "not known"
"""Eyes of whom a column says nothing: shown and counted, and no group."""
FEW = 10
"""Cases of a grade below which a group is marked as small."""
AUC = "auc"

Generator = Callable[[str, Condition], np.random.Generator]
"""Random numbers for a group under a condition."""


def subgroups(
    predictions: "pd.DataFrame",
    groups: "pd.DataFrame",
    column: str,
    metrics: Sequence[str],
    replicates: int,
    generator: Generator,
) -> dict[Condition, GroupTable] | None:
    """Return the metrics of each group by condition; None where sites keep models of their own.

    Parameters
    ----------
    predictions : DataFrame
        As ``predictions.csv`` has them.
    groups : DataFrame
        ``site``, ``case_id``, and the column with the group of each eye; empty where not known.
    column : str
    metrics : sequence of str
    replicates : int
        Bootstrap resamples of the eyes; 0 gives values without intervals.
    generator : callable
    """
    if "model" in predictions:
        return None
    key = ["site", "case_id"]
    cases = predictions.merge(groups[[*key, column]], on=key, how="left", validate="many_to_one")
    cases[column] = cases[column].fillna("").replace("", UNKNOWN)
    found: dict[Condition, GroupTable] = {}
    for condition in CONDITIONS:
        own = cases[cases["condition"] == condition].sort_values(key)
        if len(own):
            found[condition] = _table(own, column, metrics, replicates, generator, condition)
    return found


def equity_scaled(overall: Vector, by_group: Sequence[Vector]) -> Vector:
    """Return the equity-scaled AUC (replicates,): ``AUC / (1 + sum_g |AUC - AUC_g|)``.

    Luo et al. 2024 (FairVision). It is the AUC where all groups have the same.
    """
    apart = np.sum([np.abs(overall - own) for own in by_group], axis=0)
    return np.asarray(overall / (1 + apart))


def _table(
    cases: "pd.DataFrame",
    column: str,
    metrics: Sequence[str],
    replicates: int,
    generator: Generator,
    condition: Condition,
) -> GroupTable:
    names = sorted(set(cases[column]), key=lambda name: (name == UNKNOWN, name))
    groups = {
        name: _group(cases[cases[column] == name], metrics, replicates, generator(name, condition))
        for name in names
    }
    known = {name: group for name, group in groups.items() if name != UNKNOWN}
    return GroupTable(
        groups=groups,
        worst={name: _worst(name, known) for name in metrics},
        equity_scaled_auc=_equity(
            cases[cases[column] != UNKNOWN], column, replicates, generator("", condition)
        ),
    )


def _group(
    cases: "pd.DataFrame", metrics: Sequence[str], replicates: int, generator: np.random.Generator
) -> Subgroup:
    labels, probabilities = _arrays(cases)
    sites, patients = list(cases["site"]), list(cases["patient_id"])
    values = evaluate(labels, probabilities, metrics)
    estimates = {name: Estimate(value=value) for name, value in values.items()}
    if replicates:
        spread = bootstrap(labels, probabilities, patients, sites, metrics, replicates, generator)
        estimates = {
            name: Estimate(value=values[name], low=low, high=high)
            for name, (low, high) in spread.items()
        }
    by_class = np.bincount(labels, minlength=probabilities.shape[1])
    return Subgroup(
        count=Count(
            cases=len(labels),
            patients=len(set(patients_of_sites(patients, sites))),
            by_class=tuple(by_class.tolist()),
        ),
        small=bool((by_class < FEW).any()),
        metrics=estimates,
    )


def _worst(name: str, groups: Mapping[str, Subgroup]) -> str | None:
    """Return the group that a metric is worst for; None with fewer than two to choose from."""
    values = {group: each.metrics[name].value for group, each in groups.items()}
    defined = {group: value for group, value in values.items() if value is not None}
    if len(defined) < 2:
        return None
    choose = min if metric(name).higher_is_better else max
    return choose(defined, key=defined.__getitem__)


def _equity(
    cases: "pd.DataFrame", column: str, replicates: int, generator: np.random.Generator
) -> Estimate:
    """Return the equity-scaled AUC over the groups that have an AUC."""
    undefined = Estimate() if not replicates else Estimate(value=None, low=None, high=None)
    if not len(cases):
        return undefined
    labels, probabilities = _arrays(cases)
    whole = Sample(labels, probabilities)
    rows = [np.flatnonzero(cases[column] == name) for name in sorted(set(cases[column]))]
    parts = [(own, Sample(labels[own], probabilities[own])) for own in rows]
    judged = [(own, part) for own, part in parts if part.one_vs_rest]
    if not judged:
        return undefined

    def scaled(weights: Vector) -> Vector:
        auc = metric(AUC)
        overall = WeightedSample(whole, weights).value(auc)
        return equity_scaled(
            overall, [WeightedSample(part, weights[own]).value(auc) for own, part in judged]
        )

    value = float(scaled(np.ones((len(labels), 1)))[0])
    if not replicates:
        return Estimate(value=value)
    drawn = resamples(list(cases["patient_id"]), list(cases["site"]), replicates, generator)
    low, high = interval_of(scaled(weights) for weights in drawn)
    return Estimate(value=value, low=low, high=high)


def _arrays(cases: "pd.DataFrame") -> tuple[NDArray[np.int64], Vector]:
    columns = [name for name in cases if name.startswith("p_")]
    return cases["label"].to_numpy(np.int64), cases[columns].to_numpy(np.float64)
