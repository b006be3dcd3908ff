"""Pooled and per-site metrics of the scores that came back, with intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fed.config import Config
from fed.errors import ConfigError
from fed.metrics import (
    at_threshold,
    bootstrap,
    evaluate,
    measured,
    metric,
    names,
    patients_of_sites,
    threshold_for,
)
from fed.protocol import Scores
from fed.randomness import generator
from fed.results import Count, Counts, Estimate, OperatingPoint
from fed.sites import MODALITIES, Condition, Modality

Table = dict[str, dict[str, Any]]
"""Condition -> metric -> {value, low, high}."""

PREDICTION_COLUMNS = ("site", "case_id", "patient_id", "condition", "label")

QUANTILES = 201


@dataclass(frozen=True)
class Cases:
    """Scored cases of some sites under one condition; a patient's id counts within its site."""

    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    patients: list[str]
    sites: list[str]


def check_metrics(config: Config) -> None:
    """Refuse a metric that is not there, before anything is trained.

    Raises
    ------
    ConfigError
        Naming the key.
    """
    evaluation = config.evaluation
    asked = {
        "headline": (evaluation.headline,),
        "tables": evaluation.tables,
        "metrics": evaluation.metrics,
    }
    for key, chosen in asked.items():
        for name in chosen:
            try:
                metric(name)
            except ConfigError as error:
                raise ConfigError(f"evaluation.{key}: {error}") from None


def metric_table(
    sites: Sequence[Scores],
    conditions: Sequence[Condition],
    replicates: int,
    seed: int,
    name: str,
    metrics: Sequence[str] | None = None,
) -> Table:
    """Return every metric of the sites taken together, by condition.

    Where sites keep their own models (`server.own_models`), each model is judged by itself, and value,
    low and high are the means over the models that can serve the condition. The mean of the
    intervals is wider than the interval of the mean, so it errs on the safe side.

    Parameters
    ----------
    replicates : int
        Bootstrap resamples of the sites and, within them, patients; 0 gives values without intervals.
    name : str
        Names the random stream of the bootstrap.
    metrics : sequence of str, optional
        See `fed.metrics.measured`; those of `fed.metrics` where not given.
    """
    chosen = names() if metrics is None else tuple(metrics)
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
                    chosen,
                )
                for model in models
            ]
        )
    table: Table = {}
    for condition in conditions:
        cases = pool(sites, condition)
        values = evaluate(cases.labels, cases.probabilities, chosen)
        table[condition] = {key: {"value": value} for key, value in values.items()}
        if replicates:
            random = generator(seed, name, condition, "bootstrap")
            intervals = bootstrap(
                cases.labels,
                cases.probabilities,
                cases.patients,
                cases.sites,
                chosen,
                replicates,
                random,
            )
            for key, (low, high) in intervals.items():
                table[condition][key] |= {"low": low, "high": high}
    return table


def tables_of(sites: Sequence[Scores], config: Config) -> tuple[Table, dict[str, Table]]:
    """Return the metrics of all sites together and of each, with intervals.

    Where one site alone has cases of a condition, both are the same cases, and so get the same
    interval.
    """
    evaluation, metrics = config.evaluation, measured(config.evaluation)

    def of(scores: Sequence[Scores], name: str) -> Table:
        return metric_table(
            scores, evaluation.conditions, evaluation.bootstrap, config.seed, name, metrics
        )

    by_site: dict[str, list[Scores]] = {}
    for scored in sites:
        by_site.setdefault(scored.site, []).append(scored)
    pooled = of(sites, "pooled")
    found = {site: of(scores, site) for site, scores in by_site.items()}
    for condition in evaluation.conditions:
        having = [site for site in found if len(pool(by_site[site], condition).labels)]
        if len(having) == 1:
            found[having[0]][condition] = pooled[condition]
    return pooled, found


def tables_by_model(sites: Sequence[Scores], config: Config) -> dict[str, dict[str, Any]] | None:
    """Return what each site's own model is worth at all held-out sites and at each.

    None where there is one model for all. A condition that a model cannot serve is left out.
    """
    models = sorted({s.model for s in sites if s.model is not None})
    shown = config.evaluation.shown

    def of(scores: Sequence[Scores]) -> Table:
        served = [
            c for c in config.evaluation.conditions if any(len(s.rows.get(c, ())) for s in scores)
        ]
        one = [replace(s, model=None) for s in scores]
        return metric_table(one, served, 0, config.seed, "models", shown)

    found = {}
    for model in models:
        own = [s for s in sites if s.model == model]
        found[model] = {"pooled": of(own), "sites": {s.site: of([s]) for s in own}}
    return found or None


def counts_of(sites: Sequence[Scores], conditions: Sequence[Condition], classes: int) -> Counts:
    """Return how many cases and patients the metrics rest on; each once, however many models."""
    once = {s.site: s for s in sites}
    return Counts(
        pooled={c: _count(list(once.values()), c, classes) for c in conditions},
        sites={
            site: {c: _count([scores], c, classes) for c in conditions}
            for site, scores in once.items()
        },
    )


def operating_points(
    held_out: Sequence[Scores], validation: Sequence[Scores], config: Config
) -> dict[str, OperatingPoint] | None:
    """Return, by condition, what a yes-or-no answer is worth; None unless there are two classes.

    None, too, where sites keep models of their own, each of which would need its own threshold.
    """
    if len(config.task.classes) != 2 or any(s.model is not None for s in held_out):
        return None
    evaluation = config.evaluation
    points: dict[str, OperatingPoint] = {}
    for condition in evaluation.conditions:
        cases, chosen_on = pool(held_out, condition), pool(validation, condition)
        split = bool((chosen_on.labels == 1).any())
        source = chosen_on if split else cases
        target = evaluation.operating_sensitivity
        threshold = threshold_for(target, source.labels, source.probabilities)
        if threshold is None or not len(cases.labels):
            continue
        random = generator(config.seed, "operating", condition, "bootstrap")
        figures = at_threshold(
            threshold,
            cases.labels,
            cases.probabilities,
            cases.patients,
            cases.sites,
            evaluation.bootstrap,
            random,
        )
        points[condition] = OperatingPoint(
            threshold=threshold,
            chosen_on="validation" if split else "held_out",
            target=target,
            **{
                name: Estimate(value=value, low=low, high=high)
                for name, (value, (low, high)) in figures.items()
            },
        )
    return points or None


def pool(sites: Sequence[Scores], condition: Condition) -> Cases:
    """Return the cases of all sites that have what a condition needs."""
    found = [s for s in sites if condition in s.rows and len(s.rows[condition])]
    if not found:
        return Cases(np.zeros(0, np.int64), np.zeros((0, 2)), [], [])
    names = [s.site for s in found for _ in s.rows[condition]]
    return Cases(
        np.concatenate([s.labels[s.rows[condition]] for s in found]),
        np.concatenate([s.probabilities[condition] for s in found]),
        patients_of_sites([s.patient_ids[row] for s in found for row in s.rows[condition]], names),
        names,
    )


def distance_quantiles(sites: Sequence[Scores]) -> dict[Modality, tuple[float, ...]]:
    """Return how far the eyes of all sites lie from the prototypes, as `QUANTILES` quantiles."""
    found: dict[Modality, tuple[float, ...]] = {}
    for modality in MODALITIES:
        told = [s.distances[modality] for s in sites if modality in s.distances]
        if told:
            levels = np.linspace(0, 1, QUANTILES)
            found[modality] = tuple(np.quantile(np.concatenate(told), levels).tolist())
    return found


def prediction_columns(sites: Sequence[Scores], classes: int) -> list[str]:
    """Return the heads of the columns of ``predictions.csv``."""
    own_models = any(s.model is not None for s in sites)
    return [*PREDICTION_COLUMNS, *(f"p_{k}" for k in range(classes)), *["model"] * own_models]


def prediction_rows(
    sites: Sequence[Scores], conditions: Sequence[Condition]
) -> list[list[str | int | float]]:
    """Return the rows of ``predictions.csv``: site, case, patient, condition, label, probabilities.

    Where sites keep their own models, a row ends with the site whose model it is.
    """
    return [
        [s.site, s.case_ids[row], s.patient_ids[row], condition, int(s.labels[row])]
        + [*map(float, probabilities)]
        + ([] if s.model is None else [s.model])
        for s in sites
        for condition in conditions
        if condition in s.rows
        for row, probabilities in zip(s.rows[condition], s.probabilities[condition], strict=True)
    ]


def _count(sites: Sequence[Scores], condition: Condition, classes: int) -> Count:
    cases = pool(sites, condition)
    by_class = np.bincount(cases.labels, minlength=classes)
    return Count(
        cases=len(cases.labels),
        patients=len(set(cases.patients)),
        by_class=tuple(by_class.tolist()),
    )


def _mean(tables: Sequence[Mapping[str, Mapping[str, Any]]]) -> Table:
    """Return the mean of each figure over the tables where it is defined; None where it never is."""
    return {
        condition: {
            name: {
                figure: _mean_of([t[condition][name][figure] for t in tables]) for figure in figures
            }
            for name, figures in metrics.items()
        }
        for condition, metrics in tables[0].items()
    }


def _mean_of(values: Sequence[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return sum(defined) / len(defined) if defined else None
