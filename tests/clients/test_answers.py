"""Who answers at test."""

import numpy as np
import torch

from clients.answers import predict
from fed.config import load
from tests.clients.networks import FUNDUS, OCT, features, network
from tests.fed.config.test_loading import DEMO


def answer(model, given, **changes):
    overrides = [f"method.{key}={value}" for key, value in changes.items()]
    method = load([DEMO], ["method=one_phase", "method.corrects_experts=false", *overrides]).method
    with torch.no_grad():
        return predict(model, method, given)


def normalised(values):
    return values / values.sum(axis=1, keepdims=True)


def test_experts_multiply_where_both_look_and_stand_alone_elsewhere():
    model, given = network(), features()
    with torch.no_grad():
        fundus = torch.softmax(model.fundus_head(given.fundus), 1).numpy()
        oct_ = torch.softmax(model.oct_head(given.oct), 1).numpy()
    expected = normalised(
        np.where(FUNDUS[:, None], fundus, 1.0) * np.where(OCT[:, None], oct_, 1.0)
    )
    np.testing.assert_allclose(answer(model, given, predict="experts"), expected, rtol=1e-5)


def test_a_fusion_that_corrects_multiplies_the_answer_of_the_experts():
    model, given = network(), features()
    correction, experts = (answer(model, given, predict=p) for p in ("fusion", "experts"))
    corrected = answer(model, given, predict="fusion", corrects_experts="true")
    np.testing.assert_allclose(corrected, normalised(correction * experts), rtol=1e-5)


def test_the_product_is_the_geometric_mean_of_fusion_and_experts():
    model, given = network(), features()
    fusion, experts = (answer(model, given, predict=p) for p in ("fusion", "experts"))
    product = answer(model, given, predict="product")
    np.testing.assert_allclose(product, normalised(np.sqrt(fusion * experts)))


def test_the_fusion_answers_only_where_both_are():
    model, given = network(), features()
    fusion, experts = (answer(model, given, predict=p) for p in ("fusion", "experts"))
    both = (FUNDUS & OCT).numpy()[:, None]
    mixed = answer(model, given, predict="fusion_if_both")
    np.testing.assert_array_equal(mixed, np.where(both, fusion, experts))
