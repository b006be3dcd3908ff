"""Reductions against known answers, and what one bad site of five can do to each."""

import numpy as np
import pytest
from scipy import stats

from server.reductions.mean import Mean
from server.reductions.median import Median, weighted_median
from server.reductions.norm_bounded import NormBounded
from server.reductions.trimmed_mean import TrimmedMean
from server.weights import EVERYONE
from server.weights.by_cases import BOTH, ByCases

CURRENT = {"fundus_encoder.w": np.zeros(4), "fundus_encoder.bn.running_var": np.ones(2)}
RANDOM = np.random.default_rng(0)
SITES = RANDOM.normal(size=(5, 4))


def reduced(part, values, weights=None, strata=None, rule=None):
    """Reduce one weight of several sites."""
    fold = part.fold(CURRENT)
    for site, value in enumerate(values):
        fold.add(
            {"fundus_encoder.w": np.asarray(value, float)},
            1.0 if weights is None else weights[site],
            EVERYONE if strata is None else strata[site],
        )
    result, told = fold.result(rule or ByCases())
    return result["fundus_encoder.w"], told


def test_only_the_mean_forgets_updates_as_they_come():
    assert Mean.streams
    assert not any(part.streams for part in (Median, TrimmedMean, NormBounded))


def test_the_mean_is_the_weighted_mean():
    weights = [1.0, 2.0, 3.0, 4.0, 5.0]
    expected = np.average(SITES, axis=0, weights=weights)
    np.testing.assert_allclose(reduced(Mean(), SITES, weights)[0], expected)


@pytest.mark.parametrize("sites", [4, 5])
def test_the_median_of_equal_weights_is_numpys(sites):
    found, _ = reduced(Median(), SITES[:sites])
    np.testing.assert_allclose(found, np.median(SITES[:sites], axis=0))


def test_a_whole_weight_counts_as_that_many_sites():
    weights, repeats = np.array([3.0, 1.0, 2.0, 1.0, 2.0]), np.array([3, 1, 2, 1, 2])
    expected = np.median(np.repeat(SITES, repeats, axis=0), axis=0)
    np.testing.assert_allclose(weighted_median(SITES, weights / weights.sum()), expected)


@pytest.mark.parametrize("cut", [0.0, 0.2, 0.4])
def test_the_trimmed_mean_of_equal_weights_is_scipys(cut):
    found, _ = reduced(TrimmedMean(cut), SITES)
    np.testing.assert_allclose(found, stats.trim_mean(SITES, cut, axis=0))


def test_changes_within_the_bound_are_averaged_as_they_are():
    values = SITES / np.linalg.norm(SITES, axis=1, keepdims=True)  # all of one norm
    found, told = reduced(NormBounded(), values)
    np.testing.assert_allclose(found, values.mean(axis=0))
    assert told == {"bound": pytest.approx(1.0), "bounded": 0}


def test_a_longer_change_keeps_its_direction_and_gets_the_median_norm():
    unit = np.eye(4)
    values = [unit[0], unit[1], 100 * unit[2]]
    found, told = reduced(NormBounded(), values)
    np.testing.assert_allclose(found, [1 / 3, 1 / 3, 1 / 3, 0])
    assert told["bounded"] == 1


def test_running_statistics_are_not_scaled_but_take_the_median():
    fold = NormBounded().fold(CURRENT)
    for value in (1.0, 2.0, 900.0):
        fold.add({"fundus_encoder.bn.running_var": np.full(2, value)}, 1.0, EVERYONE)
    result, _ = fold.result(ByCases())
    np.testing.assert_array_equal(result["fundus_encoder.bn.running_var"], [2.0, 2.0])


@pytest.mark.parametrize("part", [Median(), TrimmedMean(0.2), NormBounded()])
def test_one_bad_site_of_five_cannot_take_the_module_far(part):
    spread = np.abs(SITES).max()
    for bad in (1e6, -1e6):
        found, _ = reduced(part, [*SITES[:4], np.full(4, bad)])
        assert np.abs(found).max() <= 2 * spread
    assert np.abs(reduced(Mean(), [*SITES[:4], np.full(4, 1e6)])[0]).min() > 1e5


@pytest.mark.parametrize("part", [Mean(), TrimmedMean(0.0)])
def test_a_stratum_has_its_share_whatever_holds_the_updates(part):
    values, weights = [[1.0] * 4, [0.0] * 4], [10.0, 990.0]
    found, _ = reduced(part, values, weights, [BOTH, EVERYONE], ByCases(both_share=0.4))
    np.testing.assert_allclose(found, 0.4)
