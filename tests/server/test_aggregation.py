import numpy as np
import pytest

from fed.protocol import TransportCount, Update
from server.aggregation import ModuleAverage, UnusableUpdateError, mean_of

CURRENT = {
    "fundus_encoder.w": np.zeros(3, np.float32),
    "oct_encoder.w": np.full(2, 7, np.float32),
    "classifier.w": np.zeros(2, np.float32),
    "fundus_encoder.bn.num_batches_tracked": np.array(0, np.int64),
}


def update(parameters, cases, site="a"):
    return Update(site, parameters, cases, {}, TransportCount(), 1, 0.0)


def test_each_module_is_the_mean_over_the_sites_that_trained_it_weighted_by_cases():
    average = ModuleAverage(CURRENT)
    first, second = np.array([1, 2, 3], np.float32), np.array([5, 6, 7], np.float32)
    average.add(update({"fundus_encoder.w": first}, {"fundus_encoder": 10}), False)
    average.add(update({"fundus_encoder.w": second}, {"fundus_encoder": 30}), True)
    result = average.result()
    np.testing.assert_allclose(result["fundus_encoder.w"], (10 * first + 30 * second) / 40)
    np.testing.assert_array_equal(result["oct_encoder.w"], CURRENT["oct_encoder.w"])


@pytest.mark.parametrize(("cases", "share"), [(10, 0.5), (300, 0.75)])
def test_both_sites_have_at_least_their_share_of_the_fusion(cases, share):
    average = ModuleAverage(CURRENT, both_share=0.5)
    ones, zeros = np.ones(2, np.float32), np.zeros(2, np.float32)
    average.add(update({"classifier.w": ones}, {"classifier": cases}), owns_both=True)
    average.add(update({"classifier.w": zeros}, {"classifier": 100}), owns_both=False)
    np.testing.assert_allclose(average.result()["classifier.w"], share)


def test_counters_stay_whole_numbers():
    average = ModuleAverage(CURRENT)
    key = "fundus_encoder.bn.num_batches_tracked"
    for count in (3, 4):
        average.add(update({key: np.array(count)}, {"fundus_encoder": 1}), False)
    assert average.result()[key].dtype == np.int64


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("fundus_encoder.x", np.zeros(3), "does not have"),
        ("fundus_encoder.w", np.zeros(4), "shape"),
        ("fundus_encoder.w", np.array([0, np.nan, 0]), "not finite"),
    ],
)
def test_an_unusable_update_is_refused_whole(key, value, words):
    average = ModuleAverage(CURRENT)
    with pytest.raises(UnusableUpdateError, match=words):
        average.add(update({key: value}, {"fundus_encoder": 1}), False)
    np.testing.assert_array_equal(average.result()["fundus_encoder.w"], CURRENT["fundus_encoder.w"])


def test_mean_of_models():
    doubled = {key: value * 2 + 2 for key, value in CURRENT.items()}
    mean = mean_of([CURRENT, doubled])
    np.testing.assert_allclose(mean["oct_encoder.w"], (7 + 16) / 2)
