"""Reductions against known answers, and what one bad site of five can do to each."""

import numpy as np
import pytest
from scipy import stats

from server.reductions.krum import Krum
from server.reductions.mean import Mean
from server.reductions.median import Median, weighted_median
from server.reductions.norm_bounded import NormBounded
from server.reductions.trimmed_mean import TrimmedMean
from server.weights import EVERYONE, capped
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
    assert not any(part.streams for part in (Median, TrimmedMean, NormBounded, Krum))


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
    found, told = reduced(NormBounded(1.001), values)
    np.testing.assert_allclose(found, values.mean(axis=0))
    assert told == {"bound": pytest.approx(1.001), "bounded": 0, "factors": [1.0] * 5}


def test_a_longer_change_keeps_its_direction_and_gets_the_median_norm():
    unit = np.eye(4)
    values = [unit[0], unit[1], 100 * unit[2]]
    found, told = reduced(NormBounded(1.0), values)
    np.testing.assert_allclose(found, [1 / 3, 1 / 3, 1 / 3, 0])
    assert told["bounded"] == 1


def test_running_statistics_have_a_bound_of_their_own():
    fold = NormBounded(2.0).fold(CURRENT)
    for value in (2.0, 2.0, 901.0):  # from 1.0: changes of 1, 1, 900
        update = {
            "fundus_encoder.w": np.ones(4),
            "fundus_encoder.bn.running_var": np.full(2, value),
        }
        fold.add(update, 1.0, EVERYONE)
    result, told = fold.result(ByCases())
    np.testing.assert_allclose(result["fundus_encoder.bn.running_var"], (2.0 + 2.0 + 3.0) / 3)
    np.testing.assert_array_equal(result["fundus_encoder.w"], np.ones(4))
    assert told["factors"] == pytest.approx([1, 1, 2 / 900])


@pytest.mark.parametrize("part", [Median(), TrimmedMean(0.2), NormBounded(1.0), Krum(0.2)])
def test_one_bad_site_of_five_cannot_take_the_module_far(part):
    spread = np.abs(SITES).max()
    for bad in (1e6, -1e6):
        found, _ = reduced(part, [*SITES[:4], np.full(4, bad)])
        assert np.abs(found).max() <= 2 * spread
    assert np.abs(reduced(Mean(), [*SITES[:4], np.full(4, 1e6)])[0]).min() > 1e5


@pytest.mark.parametrize("part", [Mean(), TrimmedMean(0.0)])
def test_a_stratum_has_its_share_whatever_holds_the_updates(part):
    values, weights = [[2.0] * 4, [1.0] * 4], [10.0, 990.0]
    found, _ = reduced(part, values, weights, [BOTH, EVERYONE], ByCases(both_share=0.4))
    np.testing.assert_allclose(found, 1.4)


def bounded(part, values, weights=None, current=None):
    fold = part.fold(current or CURRENT)
    for site, value in enumerate(values):
        fold.add(value, 1.0 if weights is None else weights[site], EVERYONE)
    return fold.result(ByCases())


def test_where_no_change_is_too_long_the_result_is_the_mean_to_the_last_bit():
    values = [
        {
            "fundus_encoder.w": RANDOM.normal(size=4).astype(np.float32),
            "fundus_encoder.bn.running_var": RANDOM.uniform(0.5, 2, 2).astype(np.float32),
            "fundus_encoder.bn.num_batches_tracked": np.array(RANDOM.integers(1, 9000)),
        }
        for _ in range(7)
    ]
    current = {key: np.zeros_like(value) for key, value in values[0].items()}
    weights = [float(w) for w in RANDOM.integers(20, 60, 7)]
    expected, _ = bounded(Mean(), values, weights, current)
    found, told = bounded(NormBounded(4.0), values, weights, current)
    assert told["factors"] == [1.0] * 7
    for key, value in expected.items():
        assert value.tobytes() == found[key].tobytes()


def test_a_site_of_many_cases_may_go_further_by_the_root_of_their_number():
    unit = np.eye(4)
    changes = [{"fundus_encoder.w": scale * unit[0]} for scale in (1, 1, 12, 12)]
    _, told = bounded(NormBounded(3.0), changes, [10.0, 10.0, 10.0, 160.0])
    assert told["factors"] == pytest.approx([1, 1, 0.25, 1])


def test_one_of_two_sites_cannot_raise_the_bound_for_itself():
    changes = [{"fundus_encoder.w": value * np.ones(4)} for value in (1.0, 1000.0)]
    found, told = bounded(NormBounded(2.0), changes)
    np.testing.assert_allclose(found["fundus_encoder.w"], 1.5)
    assert told["factors"] == pytest.approx([1, 0.002])


@pytest.mark.parametrize("part", [NormBounded(), Median(), TrimmedMean(0.2), Krum()])
def test_sites_that_left_the_module_as_it_was_do_not_count(part):
    still = {"fundus_encoder.w": np.zeros(4)}
    moving = [{"fundus_encoder.w": np.full(4, v)} for v in (1.0, 1.1, 0.9)]
    found, told = bounded(part, [still] * 6 + moving)
    assert told.get("bounded", 0) == 0
    counted = 9 if isinstance(part, NormBounded) else 3  # the mean is as naive as ever
    np.testing.assert_allclose(found["fundus_encoder.w"], 3.0 / counted, rtol=0.11)


def test_krum_is_the_update_with_the_closest_neighbours():
    """Against the definition, written out (Blanchard et al., 2017, section 3)."""
    bad, n = 1, 6
    values = RANDOM.normal(size=(n, 4))
    values[2] += 40
    scores = []
    for i in range(n):
        others = sorted(((values[i] - values[j]) ** 2).sum() for j in range(n) if j != i)
        scores.append(sum(others[: n - bad - 2]))
    found, told = reduced(Krum(bad=0.2, chosen=1), values)
    np.testing.assert_allclose(found, values[int(np.argmin(scores))])
    assert told == {"left_out": 5}


def test_multi_krum_leaves_the_outlier_out():
    values = np.concatenate([SITES[:4], np.full((1, 4), 50.0)])
    found, told = reduced(Krum(bad=0.2), values, [1.0, 2.0, 3.0, 4.0, 1000.0])
    np.testing.assert_allclose(found, np.average(SITES[:4], axis=0, weights=[1, 2, 3, 4]))
    assert told == {"left_out": 1}


@pytest.mark.parametrize("sites", [1, 2, 3])
def test_krum_of_few_sites_is_finite(sites):
    assert np.isfinite(reduced(Krum(0.4), SITES[:sites])[0]).all()


@pytest.mark.parametrize("part", [TrimmedMean(0.0), NormBounded(100.0)])
def test_no_site_has_more_than_its_cap(part):
    values, weights = np.eye(4), [970.0, 10.0, 10.0, 10.0]
    found, _ = reduced(part, values, weights, rule=ByCases(cap=0.4))
    np.testing.assert_allclose(found, [0.4, 0.2, 0.2, 0.2])


def test_a_cap_below_an_even_share_is_an_even_share():
    np.testing.assert_allclose(capped(np.array([0.7, 0.2, 0.1]), 0.1), [1 / 3] * 3)


def test_raising_the_rest_takes_nobody_above_the_cap():
    found = capped(np.array([0.6, 0.3, 0.08, 0.02]), 0.35)
    np.testing.assert_allclose(found, [0.35, 0.35, 0.24, 0.06])
