"""What onboarding gains at unseen hospitals, by procedure, archive and knowledge of the counts.

``python simulate.py configs/studies/onboarding.yaml --out FOLDER`` runs the study, and
``python -m benchmarks.onboarding FOLDER`` prints a table a setting: means over seeds in points, and
paired differences with 95 % intervals. Cases are resampled within seeds; seeds are taken as given.
"""

import argparse
import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fed.bootstrap import METRIC, Replicates, Sample, multiplicities
from fed.config import load
from fed.randomness import generator
from fed.sites import CONDITIONS
from fed.study.plan import plan

METRICS = ("accuracy", "qwk", "auc")
REPLICATES = 1000
PAIRS = (("transport", "mean_alignment"), ("transport", "bank_bayes"))

Scored = dict[tuple[str, str], tuple[NDArray[np.int64], NDArray[np.float64]]]
"""Labels and probabilities of one run, by procedure and condition."""


@dataclass(frozen=True)
class Difference:
    """A mean difference over seeds in points, and its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:+5.1f} [{self.low:+.1f}, {self.high:+.1f}]"


def main() -> None:
    """Print a table for each setting of a finished study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="of the study")
    folder = parser.parse_args().folder
    by_setting: dict[str, dict[int, Path]] = {}
    for run in plan(load([folder / "config.yaml"])):
        path = folder / run.folder / "onboarding.csv"
        by_setting.setdefault(run.setting, {})[run.seed] = path
    for setting, paths in by_setting.items():
        print(f"\n{setting}; seeds {', '.join(map(str, paths))}")
        _print([_scored(path) for path in paths.values()])


def _scored(path: Path) -> Scored:
    rows: dict[tuple[str, str], list[dict[str, str]]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            rows.setdefault((row["procedure"], row["condition"]), []).append(row)
    columns = [name for name in next(iter(rows.values()))[0] if name.startswith("p_")]
    return {
        key: (
            np.array([int(row["label"]) for row in found]),
            np.array([[float(row[name]) for name in columns] for row in found]),
        )
        for key, found in rows.items()
    }


def _print(seeds: list[Scored]) -> None:
    procedures = list(dict.fromkeys(procedure for procedure, _ in seeds[0]))
    for condition in CONDITIONS:
        values = {p: [_replicates(s[p, condition]) for s in seeds] for p in procedures}
        print(f"given {condition:21s}" + "".join(f"{name:>26s}" for name in METRICS))
        for procedure in procedures:
            cells = [_cell(values, procedure, metric) for metric in METRICS]
            print(f"  {procedure:25s}" + "".join(f"{cell:>26s}" for cell in cells))
        for one, other in PAIRS:
            if one in values and other in values:
                cells = [str(_difference(values[one], values[other], m)) for m in METRICS]
                print(f"  {one} - {other:13s}" + "".join(f"{cell:>26s}" for cell in cells))


def _cell(
    values: dict[str, list[dict[str, NDArray[np.float64]]]], procedure: str, metric: str
) -> str:
    mean = 100 * np.mean([seed[metric][0] for seed in values[procedure]])
    if procedure == "unadapted":
        return f"{mean:.1f}" + " " * 20
    return f"{mean:.1f} {_difference(values[procedure], values['unadapted'], metric)}"


def _difference(
    one: list[dict[str, NDArray[np.float64]]],
    other: list[dict[str, NDArray[np.float64]]],
    metric: str,
) -> Difference:
    """Compare two procedures on the same resamples of the same cases."""
    pairs = zip(one, other, strict=True)
    points = 100 * np.mean([a[metric] - b[metric] for a, b in pairs], axis=0)
    low, high = np.nanpercentile(points[1:], (2.5, 97.5))
    return Difference(points[0], low, high)


def _replicates(
    scored: tuple[NDArray[np.int64], NDArray[np.float64]],
) -> dict[str, NDArray[np.float64]]:
    """Return each metric on the cases as they are, then on resamples of them."""
    labels, probabilities = scored
    random = generator(0, "benchmarks", "onboarding")
    drawn = multiplicities(len(labels), REPLICATES, random)
    weights = np.hstack([np.ones((len(labels), 1)), drawn])
    replicates = Replicates(Sample(labels, probabilities), weights)
    return {name: METRIC[name](replicates) for name in METRICS}


if __name__ == "__main__":
    main()
