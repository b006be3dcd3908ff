"""One run as typed values, read from the files of its folder."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fed.report.participation import Participation, parse_participation
from fed.sites import CONDITIONS, Condition, Resources, SiteCard


@dataclass(frozen=True)
class Estimate:
    """A metric with its 95 % interval; ``None`` where it is undefined."""

    value: float | None = None
    low: float | None = None
    high: float | None = None


ByCondition = Mapping[Condition, Mapping[str, Estimate]]
"""Estimates by condition and metric."""


@dataclass(frozen=True)
class Failure:
    """A site that did not answer in a round; `outcome` says what kind of trouble it was."""

    round: int
    site: str
    reason: str
    outcome: str = "failed"

    @property
    def foreseen(self) -> bool:
        """Whether it comes of the resources that the configuration gives the site."""
        return self.outcome in ("unavailable", "dropped", "late")


@dataclass(frozen=True)
class Traffic:
    """Bytes of the messages sent: down to the sites, up to the server."""

    down: int
    up: int


@dataclass(frozen=True)
class Transport:
    """What the transport solver did.

    Attributes
    ----------
    couplings, not_converged : int
        Couplings solved, and how many of them did not reach their tolerance.
    left_out_classes : tuple of str
        Classes that could not be coupled; a count is given as its digits.
    seconds : float
    """

    couplings: int
    not_converged: int
    left_out_classes: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class Onboarding:
    """What held-out sites brought to adapt the model with, and how it did by procedure.

    Attributes
    ----------
    archive : int
        Unlabelled cases at each site.
    counts : str
        What was known of their grades: ``none, estimated, known, noisy``.
    pooled : Mapping
        Estimates over all sites by procedure; ``unadapted`` is the model as it came.
    """

    archive: int
    counts: str
    pooled: Mapping[str, ByCondition]


@dataclass(frozen=True)
class Results:
    """The content of ``results.json`` (schema 1)."""

    name: str
    method: str
    seed: int
    engine: str
    versions: Mapping[str, str]
    classes: tuple[str, ...]
    arrangement: str
    rounds_completed: int
    pooled: ByCondition
    by_site: Mapping[str, ByCondition]
    validation: ByCondition
    sites: tuple[SiteCard, ...]
    traffic: Traffic
    site_traffic: Mapping[str, Traffic]
    wall: Mapping[str, float]
    virtual_seconds: float | None
    participation: Participation
    failures: tuple[Failure, ...]
    warnings: tuple[str, ...]
    confounds: tuple[str, ...]
    transport: Transport | None
    onboarding: Onboarding | None = None

    def with_role(self, role: str) -> tuple[SiteCard, ...]:
        """Return the sites that train, or those held out."""
        return tuple(site for site in self.sites if site.role == role)

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The conditions that were scored, in the usual order."""
        return tuple(c for c in CONDITIONS if c in self.pooled)


@dataclass(frozen=True)
class Round:
    """A line of ``rounds.jsonl``; `losses` by site and name."""

    number: int
    phase: str
    losses: Mapping[str, Mapping[str, float]]
    traffic: Traffic
    held_out: ByCondition
    validation: ByCondition


@dataclass(frozen=True)
class Predictions:
    """Held-out predictions: a row a case and condition."""

    site: NDArray[np.str_]
    condition: NDArray[np.str_]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]

    def given(self, condition: Condition) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return labels (n,) and probabilities (n, K) of one condition, over all sites."""
        rows = self.condition == condition
        return self.labels[rows], self.probabilities[rows]

    def cases(self, condition: Condition, site: str | None = None) -> int:
        """Count the cases scored under a condition, at one site or at all."""
        rows = self.condition == condition
        return int((rows if site is None else rows & (self.site == site)).sum())


@dataclass(frozen=True)
class Run:
    """All that a run's folder tells."""

    results: Results
    rounds: tuple[Round, ...]
    predictions: Predictions
    configuration: str


def read_run(folder: Path) -> Run:
    """Read the files of a finished run.

    Parameters
    ----------
    folder : Path
        Holds ``results.json``, ``rounds.jsonl``, ``predictions.csv`` and ``config.yaml``.
    """
    results = parse_results(json.loads((folder / "results.json").read_text(encoding="utf-8")))
    lines = (folder / "rounds.jsonl").read_text(encoding="utf-8").splitlines()
    return Run(
        results=results,
        rounds=tuple(_round(json.loads(line)) for line in lines if line.strip()),
        predictions=_predictions(folder / "predictions.csv", len(results.classes)),
        configuration=(folder / "config.yaml").read_text(encoding="utf-8"),
    )


def parse_results(raw: Mapping[str, Any]) -> Results:
    """Turn the content of ``results.json`` into typed values."""
    sent = raw["communication"]
    return Results(
        name=raw["name"],
        method=raw["method"],
        seed=raw["seed"],
        engine=raw["engine"],
        versions=raw["versions"],
        classes=tuple(raw["task"]["classes"]),
        arrangement=raw["arrangement"],
        rounds_completed=raw["rounds_completed"],
        pooled=_by_condition(raw["held_out"]["pooled"]),
        by_site={s: _by_condition(scores) for s, scores in raw["held_out"]["sites"].items()},
        validation=_by_condition((raw.get("validation") or {}).get("pooled")),
        sites=tuple(_card(card) for card in raw["sites"]),
        traffic=_traffic(sent),
        site_traffic={name: _traffic(counts) for name, counts in sent["sites"].items()},
        wall=raw["time"]["wall"],
        virtual_seconds=raw["time"].get("virtual_seconds"),
        participation=parse_participation(raw),
        failures=tuple(Failure(**failure) for failure in raw.get("failures", ())),
        warnings=tuple(raw.get("warnings", ())),
        confounds=tuple(raw.get("confounds", ())),
        transport=_transport(raw.get("transport")),
        onboarding=_onboarding(raw.get("onboarding")),
    )


def _round(raw: Mapping[str, Any]) -> Round:
    return Round(
        number=raw["round"],
        phase=raw["phase"],
        losses=raw["losses"],
        traffic=_traffic(raw),
        held_out=_by_condition(raw.get("held_out")),
        validation=_by_condition(raw.get("validation")),
    )


def _by_condition(raw: Mapping[str, Any] | None) -> ByCondition:
    scored = raw or {}
    return {
        condition: {name: _estimate(value) for name, value in (scored[condition] or {}).items()}
        for condition in CONDITIONS
        if condition in scored
    }


def _estimate(raw: Any) -> Estimate:
    """Read a bare number, or a value that has an interval or not."""
    if isinstance(raw, Mapping):
        return Estimate(raw.get("value"), raw.get("low"), raw.get("high"))
    return Estimate(raw)


def _card(raw: Mapping[str, Any]) -> SiteCard:
    return SiteCard(
        name=raw["name"],
        group=raw["group"],
        role=raw["role"],
        modalities=tuple(raw["modalities"]),
        cases={c: tuple(raw["cases"][c]) for c in CONDITIONS},
        resources=Resources(**raw["resources"]),
    )


def _traffic(raw: Mapping[str, Any]) -> Traffic:
    return Traffic(raw["down_bytes"], raw["up_bytes"])


def _transport(raw: Mapping[str, Any] | None) -> Transport | None:
    if raw is None:
        return None
    left_out = raw["left_out_classes"]
    if not isinstance(left_out, Sequence) or isinstance(left_out, str):
        left_out = [left_out] if left_out else []
    return Transport(
        couplings=raw["couplings"],
        not_converged=raw["not_converged"],
        left_out_classes=tuple(str(name) for name in left_out),
        seconds=raw["seconds"],
    )


def _onboarding(raw: Mapping[str, Any] | None) -> Onboarding | None:
    if raw is None:
        return None
    pooled = {procedure: _by_condition(scored) for procedure, scored in raw["pooled"].items()}
    return Onboarding(raw["archive"], raw["counts"], pooled)


def _predictions(path: Path, classes: int) -> Predictions:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns = [f"p_{k}" for k in range(classes)]
    probabilities = [[float(row[column]) for column in columns] for row in rows]
    return Predictions(
        site=np.array([row["site"] for row in rows], dtype=np.str_),
        condition=np.array([row["condition"] for row in rows], dtype=np.str_),
        labels=np.array([int(row["label"]) for row in rows], dtype=np.int64),
        probabilities=np.array(probabilities, dtype=np.float64).reshape(len(rows), classes),
    )
