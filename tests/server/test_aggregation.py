from dataclasses import replace

import numpy as np
import pytest

from fed.protocol import TransportCount, Update
from fed.sites import Resources, SiteCard
from server.aggregation import ModuleReduction, mean_of
from server.reductions.mean import Mean
from server.reductions.norm_bounded import NormBounded
from server.weights.by_cases import ByCases
from server.weights.equal import Equal

CURRENT = {
    "fundus_encoder.w": np.zeros(3, np.float32),
    "oct_encoder.w": np.full(2, 7, np.float32),
    "classifier.w": np.zeros(2, np.float32),
    "fundus_encoder.bn.num_batches_tracked": np.array(0, np.int64),
}


def update(parameters, cases, site="a"):
    return Update(site, parameters, cases, {}, TransportCount(), 1, 0.0)


def card(*modalities):
    counts = {"both": (0, 0), "fundus": (0, 0), "oct": (0, 0)}
    return SiteCard("a", "a", "train", modalities, counts, Resources())


ONE, BOTH = card("fundus"), card("fundus", "oct")


def test_each_module_is_the_mean_over_the_sites_that_trained_it_weighted_by_cases():
    average = ModuleReduction(CURRENT, ByCases(), Mean())
    first, second = np.array([1, 2, 3], np.float32), np.array([5, 6, 7], np.float32)
    average.add(update({"fundus_encoder.w": first}, {"fundus_encoder": 10}), ONE)
    average.add(update({"fundus_encoder.w": second}, {"fundus_encoder": 30}), BOTH)
    result = average.result().model
    np.testing.assert_allclose(result["fundus_encoder.w"], (10 * first + 30 * second) / 40)
    np.testing.assert_array_equal(result["oct_encoder.w"], CURRENT["oct_encoder.w"])
    assert average.trained == ["fundus_encoder.w"]


def test_equal_weights_do_not_count_cases_but_leave_out_a_site_without_any():
    average = ModuleReduction(CURRENT, Equal(), Mean())
    for value, cases in ((1.0, 1), (3.0, 1000), (50.0, 0)):
        weights = np.full(2, value, np.float32)
        average.add(update({"classifier.w": weights}, {"classifier": cases}), ONE)
    np.testing.assert_allclose(average.result().model["classifier.w"], 2.0)


@pytest.mark.parametrize(("cases", "share"), [(10, 0.5), (300, 0.75)])
def test_both_sites_have_at_least_their_share_of_the_fusion(cases, share):
    average = ModuleReduction(CURRENT, ByCases(both_share=0.5), Mean())
    ones, zeros = np.ones(2, np.float32), np.zeros(2, np.float32)
    average.add(update({"classifier.w": ones}, {"classifier": cases}), BOTH)
    average.add(update({"classifier.w": zeros}, {"classifier": 100}), ONE)
    np.testing.assert_allclose(average.result().model["classifier.w"], share)


def test_both_sites_have_no_share_of_their_own_in_encoders():
    average = ModuleReduction(CURRENT, ByCases(both_share=0.5), Mean())
    for value, site in ((1.0, BOTH), (0.0, ONE)):
        weights = np.full(3, value, np.float32)
        cases = 10 if site is BOTH else 90
        average.add(update({"fundus_encoder.w": weights}, {"fundus_encoder": cases}), site)
    np.testing.assert_allclose(average.result().model["fundus_encoder.w"], 0.1)


def test_a_bounded_update_is_told_by_site_module_and_factor():
    reduction = ModuleReduction(CURRENT, Equal(), NormBounded(2.0))
    for name, value in (("a", 1.0), ("b", 1.0), ("c", 8.0)):
        weights = np.full(2, value, np.float32)
        site = replace(ONE, name=name)
        reduction.add(update({"classifier.w": weights}, {"classifier": 5}, name), site)
    found = reduction.result()
    assert [(b.site, b.module, b.factor) for b in found.bounded] == [("c", "classifier", 0.25)]
    assert found.told["classifier"]["bounded"] == 1
    np.testing.assert_allclose(found.model["classifier.w"], (1 + 1 + 2) / 3)


def test_counters_stay_whole_numbers():
    average = ModuleReduction(CURRENT, ByCases(), Mean())
    key = "fundus_encoder.bn.num_batches_tracked"
    for count in (3, 4):
        average.add(update({key: np.array(count)}, {"fundus_encoder": 1}), ONE)
    assert average.result().model[key].dtype == np.int64


def test_mean_of_models():
    doubled = {key: value * 2 + 2 for key, value in CURRENT.items()}
    mean = mean_of([CURRENT, doubled])
    np.testing.assert_allclose(mean["oct_encoder.w"], (7 + 16) / 2)
