"""The finite-sample quantile, and what it promises: against answers worked out by hand."""

from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from fed.judgement.conformal import (
    binomial_interval,
    coverage_by_luck,
    fewest,
    rank_of,
    sets_of,
    threshold_of,
)


def two(true):
    """Return two-class probabilities whose true grade, the first, has these."""
    p = np.array(true)
    return np.zeros(len(p), dtype=np.int64), np.stack([p, 1 - p], axis=1)


@pytest.mark.parametrize(
    ("n", "coverage", "rank"),
    [
        (9, 0.9, 9),
        (8, 0.9, 9),
        (19, 0.9, 18),
        (40, 0.9, 37),
        (99, 0.95, 95),
        (1, 0.5, 1),
        (0, 0.5, 1),
    ],
)
def test_the_rank_is_the_ceiling_of_n_plus_one_times_the_coverage(n, coverage, rank):
    assert rank_of(n, coverage) == rank
    exact = (n + 1) * Fraction(str(coverage))
    assert rank == -(-exact.numerator // exact.denominator)


def test_the_threshold_is_the_probability_of_that_rank():
    true = [0.05 * k for k in range(1, 20)]  # 19 eyes: of 20 * 0.9 = 18 the smallest but one
    assert threshold_of(*two(true), 0.9) == pytest.approx(0.10)
    assert threshold_of(*two(true), 0.5) == pytest.approx(0.50)
    assert threshold_of(*two(true), 0.95) == pytest.approx(0.05)
    assert threshold_of(*two(true), 0.96) == 0.0  # more than 19 eyes can promise


@pytest.mark.parametrize(
    ("coverage", "eyes"), [(0.9, 9), (0.95, 19), (0.5, 1), (0.8, 4), (0.83, 5)]
)
def test_with_fewer_eyes_no_rank_promises_the_coverage(coverage, eyes):
    assert fewest(coverage) == eyes
    assert rank_of(eyes, coverage) <= eyes
    assert rank_of(eyes - 1, coverage) > eyes - 1


def test_of_all_orders_of_n_plus_one_eyes_exactly_rank_of_them_are_covered():
    rng = np.random.default_rng(0)
    for n, coverage in ((9, 0.9), (14, 0.8), (5, 0.5)):
        true = rng.uniform(size=n + 1)
        covered = 0
        for last in range(n + 1):  # each of the n + 1 eyes is the new one once
            threshold = threshold_of(*two(np.delete(true, last)), coverage)
            covered += true[last] >= threshold
        assert covered == rank_of(n, coverage)


def test_a_set_holds_every_grade_above_the_threshold_and_always_the_best():
    p = np.array([[0.5, 0.3, 0.2], [0.34, 0.33, 0.33], [0.1, 0.1, 0.8]])
    assert sets_of(p, 0.3).tolist() == [
        [True, True, False],
        [True, True, True],
        [False, False, True],
    ]
    assert sets_of(p, 0.9).tolist() == [
        [True, False, False],
        [True, False, False],
        [False, False, True],
    ]
    assert sets_of(p, 0.0).all()


def test_one_draw_of_eyes_covers_as_the_beta_distribution_has_it():
    rng = np.random.default_rng(1)
    n, coverage = 40, 0.9
    # With uniform probabilities of the true grade, a threshold t covers 1 - t of all eyes.
    drawn = [1 - threshold_of(*two(rng.uniform(size=n)), coverage) for _ in range(4000)]
    expected, low, high = coverage_by_luck(n, coverage)
    assert expected == 37 / 41
    assert np.mean(drawn) == pytest.approx(expected, abs=0.003)
    assert np.percentile(drawn, [2.5, 97.5]) == pytest.approx([low, high], abs=0.008)
    assert coverage_by_luck(8, 0.9) == (1.0, 1.0, 1.0)


def test_the_binomial_interval_is_clopper_and_pearsons():
    low, high = binomial_interval(45, 50)
    assert stats.binom.sf(44, 50, low) == pytest.approx(0.025, abs=1e-6)
    assert stats.binom.cdf(45, 50, high) == pytest.approx(0.025, abs=1e-6)
    assert binomial_interval(50, 50)[1] == 1.0
    assert binomial_interval(0, 0) == (None, None)
