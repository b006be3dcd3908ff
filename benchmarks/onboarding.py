"""What onboarding gains at unseen hospitals, by procedure, archive and knowledge of the counts.

``python -m benchmarks.onboarding --seeds 100 101 102`` trains a federation a seed and has its
hospitals adapt the one model under each setting. A setting that is already there is not run again.
"""

import argparse
import csv
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from fed.bootstrap import METRIC, Replicates, Sample, multiplicities
from fed.randomness import generator
from fed.sites import CONDITIONS

ROOT = Path(__file__).parents[1]
CONFIGS = ("configs/demo.yaml", "configs/studies/onboarding.yaml")
SETTINGS = ((160, "known"), (50, "known"), (20, "known"), (160, "noisy"), (160, "estimated"))
"""Archive and counts; the first is the one that is trained, ``bank`` needs no counts at all."""
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
    """Run what is missing and print a table a setting."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[100, 101, 102])
    parser.add_argument("--out", type=Path, default=Path("runs/onboarding"))
    arguments = parser.parse_args()
    for archive, counts in SETTINGS:
        folders = [_judged(arguments.out, s, archive, counts) for s in arguments.seeds]
        print(f"\narchive {archive}, counts {counts}, seeds {arguments.seeds}")
        _print([_scored(folder / "onboarding.csv") for folder in folders])


def _judged(out: Path, seed: int, archive: int, counts: str) -> Path:
    """Return the folder of a run under a setting, trained once a seed."""
    trained = out / f"s{seed}-{SETTINGS[0][0]}-{SETTINGS[0][1]}"
    if not (trained / "results.json").exists():
        _simulate(*CONFIGS, "--seed", str(seed), "--out", str(trained))
    folder = out / f"s{seed}-{archive}-{counts}"
    if not (folder / "results.json").exists():
        shutil.copytree(trained / "checkpoints", folder / "checkpoints", dirs_exist_ok=True)
        config = yaml.safe_load((trained / "config.yaml").read_text())
        config["evaluation"]["onboarding"] |= {"archive": archive, "counts": counts}
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        _simulate("--resume", str(folder))  # its rounds are complete: it is only judged again
    return folder


def _simulate(*arguments: str) -> None:
    command = [sys.executable, str(ROOT / "simulate.py"), *arguments, "--quiet"]
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


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
