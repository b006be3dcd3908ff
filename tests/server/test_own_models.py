from dataclasses import replace

import numpy as np
import pytest

from fed.config import load
from fed.own_models import common, own_state, owned, owners
from fed.protocol import Scores, TransportCount, Update
from fed.sites import Resources, SiteCard
from server.aggregation import mean_of
from server.evaluation import metric_table, prediction_rows, tables_by_model
from server.own_models import OwnModels
from tests.fed.config.test_loading import DEMO

START = {"fundus_encoder.w": np.zeros(2), "oct_encoder.w": np.zeros(2)}


def update(site, name, value):
    return Update(site, {name: np.array(value)}, {}, {}, TransportCount(), 1, 0.0)


def card(name):
    counts = {"both": (0, 0), "fundus": (0, 0), "oct": (0, 0)}
    return SiteCard(name, name, "train", ("fundus",), counts, Resources())


def two_sites():
    apart = OwnModels(START)
    apart.add(update("b", "oct_encoder.w", [2.0, 2.0]), card("b"))
    apart.add(update("a", "fundus_encoder.w", [1.0, 1.0]), card("a"))
    return apart.result().model


def test_each_site_goes_on_with_its_own_model():
    state = two_sites()
    assert owners(state) == ["a", "b"]
    np.testing.assert_array_equal(own_state(state, "a")["fundus_encoder.w"], [1, 1])
    np.testing.assert_array_equal(own_state(state, "b")["fundus_encoder.w"], [0, 0])
    np.testing.assert_array_equal(own_state(state, "newcomer")["oct_encoder.w"], [0, 0])
    assert (owned(state, "a"), owned(state, "b")) == (["fundus"], ["oct"])
    assert common(state).keys() == START.keys()


def test_with_a_frozen_encoder_a_site_owns_what_it_has_trained_a_head_of():
    apart = OwnModels({"fundus_head.w": np.zeros(2), "oct_head.w": np.zeros(2)})
    apart.add(update("a", "oct_head.w", [1.0, 1.0]), card("a"))
    assert owned(apart.result().model, "a") == ["oct"]


def test_a_late_site_is_averaged_over_the_rounds_it_was_there():
    late = {**START, "a/oct_encoder.w": np.array([4.0, 0.0])}
    later = {**START, "a/oct_encoder.w": np.array([2.0, 2.0])}
    np.testing.assert_array_equal(mean_of([START, late, later])["a/oct_encoder.w"], [3, 1])


def scored(model, certain):
    """Return scores of two patients, both right with a certainty, or without any fundus."""
    probabilities = np.array([[certain, 1 - certain], [1 - certain, certain]])
    return Scores(
        "unseen",
        ("x", "y"),
        ("x", "y"),
        np.array([0, 1]),
        {"fundus": np.array([0, 1]), "oct": np.array([], dtype=np.int64)},
        {"fundus": probabilities, "oct": np.zeros((0, 2))},
        model,
    )


def test_a_metric_is_the_mean_over_models_not_that_of_their_ensemble():
    both = [scored("a", 0.9), scored("b", 0.2)]
    table = metric_table(both, ("fundus", "oct"), 0, 0, "test")
    assert table["fundus"]["accuracy"]["value"] == pytest.approx(0.5)
    assert table["fundus"]["nll"]["value"] == pytest.approx(-(np.log(0.9) + np.log(0.2)) / 2)
    assert table["oct"]["auc"]["value"] is None
    assert [row[-1] for row in prediction_rows(both, ("fundus",))] == ["a", "a", "b", "b"]


def test_each_model_is_judged_at_each_site_that_it_can_serve():
    config = load(
        [DEMO],
        [
            "evaluation.tables=[nll]",
            "task.classes=[a, b]",
            "sites.1.labels=natural",
            "sites.2.labels=natural",
            "sites.3.labels=natural",
        ],
    )
    elsewhere = replace(scored("b", 0.3), site="elsewhere")
    found = tables_by_model([scored("b", 0.2), scored("a", 0.9), elsewhere], config)
    assert list(found) == ["a", "b"]
    assert list(found["b"]["sites"]) == ["unseen", "elsewhere"]
    assert set(found["b"]["pooled"]) == {"fundus"}  # it has no answer without one
    assert set(found["b"]["pooled"]["fundus"]) == {"auc", "nll"}

    def nll(table):
        return table["fundus"]["nll"]["value"]

    assert nll(found["a"]["sites"]["unseen"]) == pytest.approx(-np.log(0.9))
    assert nll(found["b"]["sites"]["elsewhere"]) == pytest.approx(-np.log(0.3))
    assert nll(found["b"]["pooled"]) == pytest.approx(-(np.log(0.2) + np.log(0.3)) / 2)
    assert tables_by_model([replace(scored("a", 0.9), model=None)], config) is None
