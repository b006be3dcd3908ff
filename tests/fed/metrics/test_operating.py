import numpy as np
import pytest

from fed.metrics import at_threshold, threshold_for

LABELS = np.array([1] * 10 + [0] * 10)
ILL = np.linspace(0.05, 0.95, 10)
P = np.column_stack([1 - np.tile(ILL, 2), np.tile(ILL, 2)])


@pytest.mark.parametrize(("target", "index"), [(0.9, 1), (0.05, 9), (1.0, 0), (0.91, 0)])
def test_the_largest_threshold_that_finds_enough(target, index):
    found = threshold_for(target, LABELS, P)
    assert found == ILL[index]
    assert (found <= ILL).mean() >= target


def test_without_a_case_of_the_class_there_is_no_threshold():
    assert threshold_for(0.9, np.zeros(4, int), P[:4]) is None


def test_figures_by_hand_and_what_is_undefined():
    rng = np.random.default_rng(0)
    found = at_threshold(0.5, LABELS, P, range(20), ["a"] * 20, 100, rng)
    assert {name: value for name, (value, _) in found.items()} == {
        "sensitivity": 0.5,
        "specificity": 0.5,
        "positive_predictive_value": 0.5,
        "negative_predictive_value": 0.5,
    }
    low, high = found["sensitivity"][1]
    assert 0.1 < low < 0.5 < high < 0.9
    nobody = at_threshold(0.99, LABELS, P, range(20), ["a"] * 20, 0, rng)
    assert nobody["positive_predictive_value"] == (None, (None, None))
    assert nobody["sensitivity"][0] == 0.0
