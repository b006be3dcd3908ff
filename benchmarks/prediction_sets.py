"""Whether prediction sets hold the true grade as often as promised, at hospitals never seen.

``python simulate.py configs/studies/after_training.yaml --out runs/evidence/after_training``, then
``python -m benchmarks.prediction_sets``: a row a run, hospital and condition.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from benchmarks.study_runs import CONFIDENCE, arguments, read, runs_of, table, write
from fed.judgement.conformal import binomial_interval, rank_of
from fed.report.words import GIVEN
from fed.sites import CONDITIONS

HEADS = (
    "calibrate",
    "seed",
    "site",
    "condition",
    "calibrated_on",
    "threshold",
    "cases",
    "covered",
    "size",
)
TARGET = 0.9


def main() -> None:
    """Write the table, and print what it says."""
    asked = arguments(__doc__, Path("results/prediction_sets.csv")).parse_args()
    write(asked.write, HEADS, rows_of(asked.folder))
    print(page(asked.write))


def rows_of(folder: Path) -> Iterator[Sequence[Any]]:
    """Yield the rows of the table."""
    for calibrate in ("local", "federated"):
        for run in runs_of(folder, calibrate):
            sets = run.results.sets
            assert sets is not None
            for site, scores in sets.sites.items():
                for condition, score in scores.items():
                    covered = round(score.cases * (score.coverage.value or 0.0))
                    place = (calibrate, run.results.seed, site, condition)
                    yield (
                        *place,
                        score.calibrated_on,
                        score.threshold,
                        score.cases,
                        covered,
                        score.size.value,
                    )


def by_luck(hospitals: int, eyes: int, calibrated_on: int = 40) -> tuple[float, float]:
    """Return where the coverage of all hospitals together lies in 95 of 100 such studies.

    Of one hospital it is a beta-binomial share: the luck of the eyes calibrated on, then that of the
    eyes scored.
    """
    rank = rank_of(calibrated_on, TARGET)
    share = stats.betabinom(eyes, rank, calibrated_on + 1 - rank)
    half = stats.norm.ppf((1 + CONFIDENCE) / 2) * share.std() / eyes / hospitals**0.5
    return share.mean() / eyes - half, share.mean() / eyes + half


def page(source: Path) -> str:
    """Return the stored table as Markdown: all hospitals together, and one by one."""
    stored = read(source)
    lines = []
    for calibrate in ("local", "federated"):
        for condition in CONDITIONS:
            rows = [r for r in stored if (r["calibrate"], r["condition"]) == (calibrate, condition)]
            cases = np.array([int(row["cases"]) for row in rows])
            covered = np.array([int(row["covered"]) for row in rows])
            low, high = binomial_interval(int(covered.sum()), int(cases.sum()))
            each = [binomial_interval(int(k), int(n)) for k, n in zip(covered, cases, strict=True)]
            within = sum((lo or 0) <= TARGET <= (hi or 1) for lo, hi in each)
            size = np.average([float(row["size"]) for row in rows], weights=cases)
            shares = covered / cases
            lines.append(
                [
                    f"`{calibrate}`, {GIVEN[condition]}",
                    f"{covered.sum() / cases.sum():.3f} [{low:.3f}, {high:.3f}]",
                    f"{shares.min():.2f} to {shares.max():.2f}",
                    f"{within} of {len(rows)}",
                    f"{size:.2f}",
                    f"{cases.sum():,}",
                ]
            )
    heads = [
        "calibrated, given",
        "coverage [binomial 95 %]",
        "hospitals, worst to best",
        "hospitals whose interval holds 0.90",
        "grades in a set",
        "eyes",
    ]
    local = [row for row in stored if row["calibrate"] == "local"]
    hospitals = len({(row["seed"], row["site"]) for row in local})
    low, high = by_luck(hospitals, int(local[0]["cases"]))
    luck = (
        f"\nCalibrated on 40 eyes each, {hospitals} hospitals of {local[0]['cases']} scored eyes have "
        f"together between {low:.3f} and {high:.3f} in 95 of 100 such studies, if the promise holds.\n"
    )
    return table(heads, lines) + luck


if __name__ == "__main__":
    main()
