"""What is made of the runs of the study of finished models, on tables whose answer is known."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from benchmarks import audit, equipment, prediction_sets, study_runs, triage
from fed.judgement.triage import SHARES

ROOT = Path(__file__).parents[2]


def test_an_interval_over_seeds_is_that_of_the_t_distribution():
    values = [0.1, 0.4, 0.3, 0.35, 0.2]
    mean, low, high = study_runs.t_interval(values)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert mean == pytest.approx(np.mean(values))
    assert (low, high) == pytest.approx((expected.low, expected.high))


def test_the_range_by_luck_is_that_of_simulated_studies():
    """Thresholds and scored eyes drawn as the promise has it: uniform non-conformities."""
    random = np.random.default_rng(0)
    hospitals, eyes, studies = 20, 110, 2000
    calibration = np.sort(random.random((studies, hospitals, 40)), axis=2)
    threshold = calibration[:, :, 36]  # ceil(41 * 0.9) = 37th
    found = random.binomial(eyes, threshold).mean(axis=1) / eyes
    low, high = prediction_sets.by_luck(hospitals, eyes)
    assert np.quantile(found, [0.025, 0.975]) == pytest.approx([low, high], abs=0.002)


def test_coverage_is_of_all_hospitals_together_and_of_each(tmp_path):
    rows = [
        ("local", 1, "a", "both", 40, 0.2, 100, 90, 1.0),
        ("local", 1, "b", "both", 40, 0.3, 100, 70, 3.0),
    ]
    rows += [
        (calibrate, 1, "a", condition, 40, 0.2, 100, 90, 1.0)
        for calibrate in ("local", "federated")
        for condition in ("both", "fundus", "oct")
        if (calibrate, condition) != ("local", "both")
    ]
    study_runs.write(tmp_path / "sets.csv", prediction_sets.HEADS, rows)
    first = prediction_sets.page(tmp_path / "sets.csv").splitlines()[2]
    interval = stats.binomtest(160, 200).proportion_ci(method="exact")
    assert f"| 0.800 [{interval.low:.3f}, {interval.high:.3f}] | 0.70 to 0.90 | 1 of 2" in first
    assert "| 2.00 | 200 |" in first


def test_a_triage_curve_is_the_mean_of_the_seeds_with_a_gain():
    rows = [
        {"seed": seed, "clinic": "oct", "mix": "drawn", "metric": "kappa", "gain": gain}
        | {"share": str(share)}
        | dict.fromkeys(("entropy", "margin", "seen", "chance"), str(share**power) if power else "")
        for seed, gain, power in (("1", "0.1", 1), ("2", "0.3", 0.5), ("3", "-0.1", None))
        for share in SHARES
    ]
    curves = triage.Curves(rows, "oct", "drawn", "kappa")
    assert curves.gains == [0.1, 0.3, -0.1]
    np.testing.assert_allclose(curves.values["margin"][1], np.sqrt(SHARES))
    mean = (np.array(SHARES) + np.sqrt(SHARES)) / 2
    assert curves.enough("entropy") == min(
        s for s, m in zip(SHARES, mean, strict=True) if m >= 0.95
    )


def test_valuations_are_ranked_with_the_truth_seed_by_seed(tmp_path):
    random = np.random.default_rng(1)
    rows = [
        (seed, f"site-{i}", 10.0 * (i + 1), *random.normal(10, 5, 4).round(3).tolist())
        for seed in (1, 2, 3)
        for i in range(9)
    ]
    study_runs.write(tmp_path / "equipment.csv", equipment.HEADS, rows)
    lines = equipment.page(tmp_path / "equipment.csv").splitlines()
    of_one = np.array([row[2:] for row in rows if row[0] == 1])
    rank = stats.spearmanr(of_one[:, 1] / of_one[:, 0], of_one[:, 2] / of_one[:, 0]).statistic
    assert lines[3].startswith(f"| correct grades a case | {rank:.2f} |")
    said, true = of_one[:, 1].sum(), of_one[:, 2].sum()
    assert f"by seed: {said:.0f} for {true:.0f}, " in lines[-1]


@pytest.mark.parametrize("module", [equipment, prediction_sets, triage], ids=lambda m: m.__name__)
def test_what_is_stored_is_what_the_page_shows(module):
    name = module.__name__.partition(".")[2]
    assert f'{{{{ measured("{name}") }}}}' in (ROOT / "docs/judging.md").read_text()
    assert module.page(ROOT / f"results/{name}.csv").count("\n|") > 4


def test_fresh_eyes_are_no_training_eyes_and_of_the_same_devices():
    from fed.config import load
    from fed.data.phantoms import PhantomSource
    from server.simulation import cards_of
    from tests.fed.config.test_loading import DEMO

    config = load([DEMO], ["seed=200"])
    card = next(c for c in cards_of(PhantomSource(config), config) if c.name == "community-3")
    before = PhantomSource(config).open(card.name)
    after = PhantomSource(equipment.with_both(config, card)).open(card.name)
    assert len(after) == len(before) + equipment.FRESH
    np.testing.assert_array_equal(after.labels()[: len(before)], before.labels())
    np.testing.assert_array_equal(after.images.fundus(3), before.images.fundus(3))
    assert after.cases[-1].modalities == ("fundus", "oct")


def test_what_attacks_find_is_the_mean_of_the_seeds_by_epsilon(tmp_path):
    found = {"off": (0.7, 0.8, 0.9), "8": (0.5, 0.6, 0.4)}
    rows = [
        (epsilon, seed, "membership", value, 0.1, 0.9, 0.5)
        for epsilon, values in found.items()
        for seed, value in enumerate(values)
    ]
    study_runs.write(tmp_path / "audit.csv", audit.HEADS, rows)
    heads, _, line = audit.page(tmp_path / "audit.csv").splitlines()
    assert heads.index("no budget") < heads.index("epsilon 8")
    cells = []
    for values in found.values():
        interval = stats.ttest_1samp(values, 0).confidence_interval(0.95)
        cells += [f"{np.mean(values):.2f} [{interval.low:.2f}, {interval.high:.2f}]", "0.50"]
    assert line == f"| membership | {' | '.join(cells)} |"
