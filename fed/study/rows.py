"""The results of a study's runs as one long table: a row a number."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields

from fed.results import Results, Table
from fed.study.plan import PlannedRun

POOLED = "pooled"
"""Stands for all held-out sites together where a row names a site."""

UNADAPTED = "unadapted"
"""The procedure that changes nothing, in the ``onboarding`` part of ``results.json``."""


@dataclass(frozen=True)
class Row:
    """One metric of one run; `site` is a held-out site or `POOLED`, `value` None if undefined.

    `low` and `high` are its 95 % interval; None where the run has none.
    """

    method: str
    seed: int
    setting: str
    site: str
    condition: str
    metric: str
    value: float | None
    low: float | None = None
    high: float | None = None


def rows_of(run: PlannedRun, results: Results, part: str = "held_out") -> list[Row]:
    """Return the rows of one run.

    Where held-out sites adapted the model to an archive, each procedure takes the place of a
    method, the unadapted model among them: `arm` says how it is called.

    Parameters
    ----------
    part : {"held_out", "validation"}
    """
    adapted = results.onboarding
    if part == "validation":
        found = results.validation
        return _rows(run, run.method, {} if found is None else found.pooled, {})
    if adapted is None:
        return _rows(run, run.method, results.held_out.pooled, results.held_out.sites)
    return [
        row
        for procedure, pooled in adapted.pooled.items()
        for row in _rows(
            run,
            arm(run.method, procedure),
            pooled,
            {site: tables.get(procedure, {}) for site, tables in adapted.sites.items()},
        )
    ]


def arm(method: str, procedure: str = UNADAPTED) -> str:
    """Return what a method is called where its model was adapted by a procedure."""
    return f"{method}, {procedure}"


def as_csv(rows: Sequence[Row]) -> str:
    """Return rows as the text of a CSV file; undefined values are empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([field.name for field in fields(Row)])
    writer.writerows(astuple(row) for row in rows)
    return text.getvalue()


def from_csv(text: str) -> Iterator[Row]:
    """Yield the rows that `as_csv` wrote."""
    for row in csv.DictReader(io.StringIO(text)):
        named = {name: row[name] for name in ("method", "setting", "site", "condition", "metric")}
        value, low, high = (float(row[k]) if row[k] else None for k in ("value", "low", "high"))
        yield Row(seed=int(row["seed"]), value=value, low=low, high=high, **named)


def _rows(run: PlannedRun, method: str, pooled: Table, sites: Mapping[str, Table]) -> list[Row]:
    return [
        Row(
            *(method, run.seed, run.setting, site, condition, metric),
            *(estimate.value, estimate.low, estimate.high),
        )
        for site, table in ({POOLED: pooled} | dict(sites)).items()
        for condition, metrics in table.items()
        for metric, estimate in metrics.items()
    ]
