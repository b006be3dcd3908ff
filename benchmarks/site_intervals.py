"""How often an interval holds what a model is worth at any site, by how many sites were held out.

``python -m benchmarks.site_intervals``: made-up studies, whose truth is known. A site has 100
patients, half of them ill. A model's score of an ill one is higher, by another amount at every
site; or by the same at all. Each study is judged by the intervals of a run (`fed.metrics.bootstrap`),
and by those that know nothing of sites.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.study_runs import arguments, read, table, write
from fed.metrics import bootstrap, evaluate
from fed.report.words import metric_words

HEADS = ("sites", "differ", "metric", "resampled", "studies", "holds", "width")
STUDIES, REPLICATES, PATIENTS = 1000, 200, 100
SITES = (2, 3, 4, 6, 10, 20)
METRICS = ("accuracy", "auc")
DIFFER = {"differ": 0.5, "alike": 0.0}
"""By what standard deviation sites differ, in standard deviations of scores within a site: in how
far apart their ill and healthy are, and in where scores lie."""
WORDS = {"differ": "unlike each other", "alike": "alike"}
APART = 1.5
MANY = 4000
"""Sites that the truth is taken from."""
WAYS = ("sites and patients", "patients")

Vector = NDArray[np.float64]


def main() -> None:
    """Write the table, and print what it says."""
    parser = arguments(__doc__, Path("results/site_intervals.csv"))
    asked = parser.parse_args()
    write(asked.write, HEADS, rows())
    print(page(asked.write))


def drawn(
    sites: int, differ: float, random: np.random.Generator
) -> tuple[NDArray[np.int64], Vector, NDArray[np.int64]]:
    """Return labels (n,), probabilities (n, 2) and sites (n,) of a study's held-out patients."""
    site = np.repeat(np.arange(sites), PATIENTS)
    labels = np.tile([0, 1], sites * PATIENTS // 2)
    apart = random.normal(APART, differ, sites)[site]
    place = random.normal(0.0, differ, sites)[site]
    score = place + apart * (labels - 0.5) + random.normal(size=len(site))
    ill = 1 / (1 + np.exp(-score))
    return labels, np.stack([1 - ill, ill], axis=1), site


def rows() -> Iterator[Sequence[Any]]:
    """Yield the rows of the table."""
    for number, (name, differ) in enumerate(DIFFER.items()):
        labels, p, _ = drawn(MANY, differ, np.random.default_rng([number, MANY]))
        truth = evaluate(labels, p, METRICS)
        for sites in SITES:
            found = [_judged(sites, differ, seed, truth) for seed in range(STUDIES)]
            for metric in METRICS:
                for way in WAYS:
                    holds, widths = zip(*(one[metric, way] for one in found), strict=True)
                    mean = float(np.mean(holds)), float(np.mean(widths))
                    yield sites, name, metric, way, STUDIES, *mean


def _judged(
    sites: int, differ: float, seed: int, truth: dict[str, float | None]
) -> dict[tuple[str, str], tuple[bool, float]]:
    """Return whether each interval of one study holds the truth, and how wide it is."""
    random = np.random.default_rng([sites, seed])
    labels, p, site = drawn(sites, differ, random)
    found = {}
    for way, clusters in zip(WAYS, (site, np.zeros_like(site)), strict=True):
        patients = range(len(labels))
        spread = bootstrap(labels, p, patients, clusters, METRICS, REPLICATES, random)
        for metric, (low, high) in spread.items():
            assert low is not None
            assert high is not None
            found[metric, way] = low <= (truth[metric] or 0.0) <= high, high - low
    return found


def page(source: Path) -> str:
    """Return the stored table as Markdown: shares of the studies whose interval holds the truth."""
    stored = {
        (row["sites"], row["differ"], row["metric"], row["resampled"]): float(row["holds"])
        for row in read(source)
    }
    columns = [(way, metric) for way in WAYS for metric in METRICS]
    lines = [
        [f"{sites}, {WORDS[differ]}"]
        + [f"{100 * stored[str(sites), differ, metric, way]:.0f}" for way, metric in columns]
        for differ in DIFFER
        for sites in SITES
    ]
    heads = [f"{way} drawn, {metric_words(metric, 2).in_text}" for way, metric in columns]
    return table(["held-out sites", *heads], lines)


if __name__ == "__main__":
    main()
