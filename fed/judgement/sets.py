"""Prediction sets at held-out hospitals: calibrated, scored, and never on the same eyes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fed.config.judging import Sets as Asked
from fed.judgement.conformal import binomial_interval, coverage_by_luck, sets_of, threshold_of
from fed.metrics import Interval, interval_of, resamples
from fed.patients import whole_patients
from fed.results import Estimate, Sets, SetScore
from fed.sites import CONDITIONS, Condition

if TYPE_CHECKING:
    import pandas as pd

Generator = Callable[[str, str], np.random.Generator]
"""Random numbers for a purpose at a site."""


@dataclass(frozen=True)
class Scored:
    """Sets of the scored eyes of one hospital, under one condition.

    Attributes
    ----------
    calibrated_on : int
    threshold : float
    patients : tuple of str
        Of the n eyes.
    holds : array (n,) of bool
        Whether the set holds the true grade.
    sizes : array (n,)
        Grades in the set.
    """

    calibrated_on: int
    threshold: float
    patients: tuple[str, ...]
    holds: NDArray[np.bool_]
    sizes: NDArray[np.float64]


def prediction_sets(
    held_out: "pd.DataFrame",
    validation: "pd.DataFrame",
    asked: Asked,
    replicates: int,
    generator: Generator,
) -> Sets | None:
    """Return how prediction sets come out at held-out hospitals; None without a scored eye.

    None, too, where sites keep models of their own, each of which would need sets of its own.

    Parameters
    ----------
    held_out : DataFrame
        As ``predictions.csv`` has it.
    validation : DataFrame
        The same of the validation splits of the training sites.
    asked : Sets
    replicates : int
        Bootstrap resamples of the eyes; 0: sizes have no interval.
    """
    if "model" in held_out or not len(held_out):
        return None
    found: dict[str, dict[Condition, Scored]] = {}
    calibration, scored = _split(held_out, validation, asked, generator)
    for site, eyes in scored.groupby("site", sort=True):
        own = calibration if asked.calibrate == "federated" else _at(calibration, str(site))
        found[str(site)] = dict(_by_condition(own, eyes, asked.coverage))
    having = [c for c in CONDITIONS if any(c in by_condition for by_condition in found.values())]
    pooled = {c: [by[c] for by in found.values() if c in by] for c in having}

    def score(hospitals: Sequence[Scored], name: str, condition: Condition) -> SetScore:
        shared = asked.calibrate == "federated"
        return _score(hospitals, shared, replicates, generator(name, condition))

    expected, low, high = coverage_by_luck(asked.cases, asked.coverage)
    return Sets(
        target=asked.coverage,
        calibrate=asked.calibrate,
        cases=asked.cases,
        by_luck=(
            Estimate(value=expected, low=low, high=high) if asked.calibrate == "local" else None
        ),
        pooled={c: score(each, "pooled", c) for c, each in pooled.items()},
        sites={
            site: {c: score([one], site, c) for c, one in by.items()} for site, by in found.items()
        },
    )


def _split(
    held_out: "pd.DataFrame", validation: "pd.DataFrame", asked: Asked, generator: Generator
) -> tuple["pd.DataFrame", "pd.DataFrame"]:
    """Return the rows to calibrate on and those to score; no patient of a site is in both."""
    source = held_out if asked.calibrate == "local" else validation
    chosen: set[tuple[str, str]] = set()
    for site, rows in source.groupby("site", sort=True):
        eyes = rows[["case_id", "patient_id"]].drop_duplicates("case_id").sort_values("case_id")
        random = generator(str(site), "calibration")
        apart, _ = whole_patients(list(eyes["patient_id"]), asked.cases, random)
        chosen |= {(str(site), case) for case in eyes["case_id"].iloc[apart]}
    keys = zip(source["site"], source["case_id"], strict=True)
    mask = np.array([key in chosen for key in keys], dtype=bool)
    return source[mask], source[~mask] if asked.calibrate == "local" else held_out


def _at(rows: "pd.DataFrame", site: str) -> "pd.DataFrame":
    return rows[rows["site"] == site]


def _by_condition(
    calibration: "pd.DataFrame", scored: "pd.DataFrame", coverage: float
) -> Iterator[tuple[Condition, Scored]]:
    """Yield the sets of one hospital's eyes, by condition."""
    for condition in CONDITIONS:
        eyes = scored[scored["condition"] == condition].sort_values("case_id")
        if not len(eyes):
            continue
        own = _arrays(calibration[calibration["condition"] == condition])
        threshold = threshold_of(*own, coverage)
        labels, probabilities = _arrays(eyes)
        sets = sets_of(probabilities, threshold)
        yield (
            condition,
            Scored(
                len(own[0]),
                threshold,
                tuple(eyes["patient_id"]),
                sets[np.arange(len(labels)), labels],
                sets.sum(axis=1).astype(np.float64),
            ),
        )


def _arrays(rows: "pd.DataFrame") -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    columns = [name for name in rows if name.startswith("p_")]
    return rows["label"].to_numpy(np.int64), rows[columns].to_numpy(np.float64)


def _score(
    hospitals: Sequence[Scored], shared: bool, replicates: int, generator: np.random.Generator
) -> SetScore:
    """Score the sets of hospitals, which may share the eyes that they were calibrated on."""
    holds = np.concatenate([each.holds for each in hospitals])
    sizes = np.concatenate([each.sizes for each in hospitals])
    patients = [patient for each in hospitals for patient in each.patients]
    sites = [number for number, each in enumerate(hospitals) for _ in each.patients]
    drawn = [
        np.stack([holds @ weights, sizes @ weights]) / weights.sum(axis=0)
        for weights in resamples(patients, sites, replicates, generator)
    ]
    low, high = binomial_interval(int(holds.sum()), len(holds))
    if len(hospitals) > 1:
        low, high = _wider((low, high), interval_of(shares for shares, _ in drawn))
    size = Estimate(value=float(sizes.mean()))
    if replicates > 1:
        least, most = interval_of(means for _, means in drawn)
        size = Estimate(value=size.value, low=least, high=most)
    one = shared or len(hospitals) == 1
    eyes = [each.calibrated_on for each in hospitals]
    return SetScore(
        cases=len(holds),
        calibrated_on=eyes[0] if one else sum(eyes),
        threshold=hospitals[0].threshold if one else None,
        coverage=Estimate(value=float(holds.mean()), low=low, high=high),
        size=size,
    )


def _wider(exact: Interval, resampled: Interval) -> Interval:
    """Return what holds both: where every set holds the truth, resamples would all say so."""
    (low, high), (least, most) = exact, resampled
    if low is None or high is None or least is None or most is None:
        return exact
    return min(low, least), max(high, most)
