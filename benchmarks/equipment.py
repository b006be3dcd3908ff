"""What a camera is said to be worth to a site, beside what it is worth to fresh eyes of the site.

``python simulate.py configs/studies/after_training.yaml --out runs/evidence/after_training``, then
``OMP_NUM_THREADS=1 python -m benchmarks.equipment``, about ten minutes on one core. The truth is taken of
`FRESH` phantom eyes of each site that were never seen: its devices, its mix of grades, with both images.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from torch import from_numpy, ones

from benchmarks.study_runs import arguments, read, runs_of, t_interval, table, write
from clients.batches import batches, concatenate
from clients.grading import TrainedModel
from fed.config import Config
from fed.data.phantoms import PhantomSource
from fed.judgement.equipment import gains
from fed.judgement.mix import assumed_mix, corrected, shares
from fed.results import Run
from fed.sites import SiteCard
from model.rima import Batch, Features

FRESH = 600
"""Eyes of each site."""
AT_ONCE = 64
HEADS = ("seed", "site", "cases", "correct", "true_correct", "nats", "true_nats")


def main() -> None:
    """Write the table, and print what it says."""
    asked = arguments(__doc__, Path("results/equipment.csv")).parse_args()
    write(asked.write, HEADS, rows_of(asked.folder))
    print(page(asked.write))


def rows_of(folder: Path) -> Iterator[Sequence[Any]]:
    """Yield a row a run and training site that owns one camera."""
    for run in runs_of(folder, "local"):
        results, model = run.results, TrainedModel.of(run)
        assumed = assumed_mix(run.config, results.sites)
        assert results.equipment is not None
        for card in results.with_role("train"):
            if len(card.modalities) != 1:
                continue
            said = results.equipment.sites[card.name]
            correct, nats = true_gains(run, model, card, assumed)
            place = (results.seed, card.name, said.cases)
            yield (*place, said.correct.value, correct, said.nats.value, nats)


def true_gains(
    run: Run, model: TrainedModel, card: SiteCard, assumed: NDArray[np.float64]
) -> tuple[float, float]:
    """Return the correct grades and nats that a year's eyes of a site would gain."""
    counts = np.array(card.cases[card.modalities[0]], dtype=np.float64)
    mix = shares(counts)
    labels, features = fresh_eyes(run.config, model, card)
    first, both = (
        corrected(model.answer(each), assumed, mix)
        for each in (features.only(card.modalities[0]), features)
    )
    correct, nats = gains(labels, first, both)
    return float(counts.sum() * correct.mean()), float(counts.sum() * nats.mean())


def fresh_eyes(
    config: Config, model: TrainedModel, card: SiteCard
) -> tuple[NDArray[np.int64], Features]:
    """Draw eyes that follow those of a training site, with both images."""
    cases = PhantomSource(with_both(config, card)).open(card.name)
    rows = np.arange(card.total, card.total + FRESH)
    parts = []
    for part in batches(rows, AT_ONCE):
        fundus, oct_ = (
            from_numpy(np.stack([draw(row) for row in part])).float().div_(255.0)
            for draw in (cases.images.fundus, cases.images.oct)
        )
        there = ones(len(part)).bool()
        parts.append(model.encode(Batch(fundus, oct_, there, there)))
    return cases.labels()[rows], concatenate(parts)


def with_both(config: Config, card: SiteCard) -> Config:
    """Return a configuration whose sites of this group go on, and own both cameras."""
    changes = {"modalities": {"fundus": 1.0, "oct": 1.0}, "cases": card.total + FRESH}
    sites = tuple(
        group.model_copy(update=changes) if group.name == card.group else group
        for group in config.sites
    )
    return config.model_copy(update={"sites": sites})


def page(source: Path) -> str:
    """Return the rank correlations with the truth, by seed, as Markdown."""
    stored = read(source)
    seeds = sorted({row["seed"] for row in stored})
    lines = []
    for name, said, true, per_case in (
        ("correct grades a year", "correct", "true_correct", False),
        ("correct grades a case", "correct", "true_correct", True),
        ("nats a year", "nats", "true_nats", False),
        ("nats a case", "nats", "true_nats", True),
        ("the caseload alone, for correct grades a year", "cases", "true_correct", False),
        ("the caseload alone, for nats a year", "cases", "true_nats", False),
    ):
        found = [_rank_correlation(stored, seed, said, true, per_case) for seed in seeds]
        mean, low, high = np.tanh(t_interval(np.arctanh(found).tolist()))  # Fisher's z
        cells = [f"{value:.2f}" for value in found]
        lines.append([name, *cells, f"{mean:.2f} [{low:.2f}, {high:.2f}]"])
    heads = ["valuation", *(f"seed {seed}" for seed in seeds), "mean [95 % over seeds]"]
    return table(heads, lines) + "\n" + _totals(stored, seeds)


def _totals(stored: Sequence[dict[str, str]], seeds: Sequence[str]) -> str:
    """Say what all sites of a federation together are said to gain, and gain."""

    def total(seed: str, column: str) -> str:
        return f"{sum(float(row[column]) for row in stored if row['seed'] == seed):.0f}"

    pairs = ", ".join(f"{total(s, 'correct')} for {total(s, 'true_correct')}" for s in seeds)
    return (
        f"Correct grades a year of all these sites together, valued for true, by seed: {pairs}.\n"
    )


def _rank_correlation(
    stored: Sequence[dict[str, str]], seed: str, said: str, true: str, per_case: bool
) -> float:
    rows = [row for row in stored if row["seed"] == seed]
    scale = np.array([float(row["cases"]) if per_case else 1.0 for row in rows])
    one, other = (np.array([float(row[name]) for row in rows]) / scale for name in (said, true))
    return float(stats.spearmanr(one, other).statistic)


if __name__ == "__main__":
    main()
