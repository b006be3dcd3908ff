"""The results of a study's runs as one long table: a row a number."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from fed.study.plan import PlannedRun

POOLED = "pooled"
"""Stands for all held-out sites together where a row names a site."""


@dataclass(frozen=True)
class Row:
    """One metric of one run; `site` is a held-out site or `POOLED`, `value` None if undefined."""

    method: str
    seed: int
    setting: str
    site: str
    condition: str
    metric: str
    value: float | None


def rows_of(run: PlannedRun, results: Mapping[str, Any], part: str = "held_out") -> list[Row]:
    """Return the rows of one run.

    Parameters
    ----------
    results : mapping
        The content of its ``results.json``; conditions may be any.
    part : {"held_out", "validation"}
    """
    scored = results[part] or {}
    tables = {POOLED: scored.get("pooled", {})} | dict(scored.get("sites", {}))
    return [
        Row(run.method, run.seed, run.setting, site, condition, metric, _value(estimate))
        for site, table in tables.items()
        for condition, metrics in table.items()
        for metric, estimate in (metrics or {}).items()
    ]


def read_rows(directory: Path, runs: Sequence[PlannedRun], part: str = "held_out") -> list[Row]:
    """Return the rows of all runs of a study that are finished, in the order of `runs`."""
    rows: list[Row] = []
    for run in runs:
        text = (directory / run.folder / "results.json").read_text(encoding="utf-8")
        rows += rows_of(run, json.loads(text), part)
    return rows


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
        value = float(row["value"]) if row["value"] else None
        named = {name: row[name] for name in ("method", "setting", "site", "condition", "metric")}
        yield Row(seed=int(row["seed"]), value=value, **named)


def _value(estimate: Any) -> float | None:
    return estimate.get("value") if isinstance(estimate, Mapping) else estimate
