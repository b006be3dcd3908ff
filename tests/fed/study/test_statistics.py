import numpy as np
import pytest
from scipy import stats

from fed.study.statistics import holm, mean_over, paired_difference


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
