import numpy as np
import pytest
from scipy import stats

from fed.study.statistics import (
    equivalence,
    holm,
    mean_over,
    paired_difference,
    verdict,
)


def test_mean_and_interval_of_five_numbers_worked_by_hand():
    found = mean_over([1.0, 2.0, 3.0, 4.0, 5.0])
    # sd = sqrt(2.5), t(4, 0.975) = 2.776445
    half = 2.7764451 * 2.5**0.5 / 5**0.5
    assert (found.n, found.mean) == (5, 3.0)
    assert found.sd == pytest.approx(2.5**0.5)
    assert (found.low, found.high) == (pytest.approx(3 - half), pytest.approx(3 + half))


def test_undefined_values_are_left_out_and_few_values_have_no_interval():
    assert mean_over([None, 2.0, None]) == mean_over([2.0])
    assert mean_over([2.0]).sd is None
    assert mean_over([2.0]).low is None
    assert mean_over([]).mean is None


def test_paired_difference_is_scipys_paired_t_test():
    random = np.random.default_rng(0)
    a, b = random.normal(size=(2, 7))
    found = paired_difference(list(a), list(b))
    expected = stats.ttest_rel(a, b)
    interval = expected.confidence_interval(0.95)
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == (pytest.approx(interval.low), pytest.approx(interval.high))


def test_pairs_with_an_undefined_number_are_left_out():
    assert paired_difference([1.0, None, 3.0], [0.0, 5.0, 1.0]).mean == 1.5
    assert paired_difference([1.0], [0.0]).p is None


def test_a_difference_that_never_varies():
    assert paired_difference([1.0, 2.0], [1.0, 2.0]).p == 1.0
    assert paired_difference([2.0, 3.0], [1.0, 2.0]).p == 0.0


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="zip"):
        paired_difference([1.0], [1.0, 2.0])


def test_holm_worked_by_hand():
    # sorted 0.01, 0.02, 0.03, 0.04: times 4, 3, 2, 1 and never falling
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])


def test_holm_caps_at_one_and_passes_over_what_is_no_test():
    assert holm([0.6, None, 0.7]) == [1.0, None, 1.0]
    assert holm([None]) == [None]
    assert holm([]) == []


@pytest.mark.parametrize("shift", [0.0, 0.002, -0.004, 0.02])
def test_equivalence_is_two_of_scipys_one_sided_tests(shift):
    values = np.random.default_rng(3).normal(shift, 0.003, size=9)
    margin = 0.005
    above = stats.ttest_1samp(values, -margin, alternative="greater").pvalue
    below = stats.ttest_1samp(values, margin, alternative="less").pvalue
    found = equivalence(paired_difference(list(values), [0.0] * 9), margin)
    assert found == pytest.approx(max(above, below))


def judged(values):
    found = paired_difference(values, [0.0] * len(values))
    return verdict(found, found.p, margin=0.005)


def test_a_comparison_says_one_of_three_things():
    assert judged([0.001, -0.001, 0.0005, 0.0, 0.0008]) == "equivalent"
    assert judged([0.02, 0.021, 0.019, 0.022, 0.018]) == "differs"
    assert judged([0.02, -0.021, 0.009, 0.022, -0.018]) == "undecided"
    assert judged([0.001]) == "undecided"


def test_a_certain_difference_within_the_margin_is_equivalent():
    assert judged([0.002, 0.0021, 0.0019, 0.002]) == "equivalent"
    assert judged([0.001, 0.001]) == "equivalent"


def test_equivalence_agrees_with_the_ninety_percent_interval():
    random = np.random.default_rng(5)
    for _ in range(50):
        found = mean_over(list(random.normal(0.002, 0.004, size=6)))
        low, high = stats.t.interval(0.9, 5, loc=found.mean, scale=found.sd / 6**0.5)
        assert (equivalence(found, 0.005) < 0.05) == (low > -0.005 and high < 0.005)
