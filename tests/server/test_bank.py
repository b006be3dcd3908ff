"""What the coordinator makes of the class statistics of both modalities."""

import numpy as np
import pytest
import torch

from fed.prototypes import Prototypes
from model.transport.features import FeaturePlan
from server import bank as bank_module
from server.bank import transport_parameters


def prototypes(width: int, seed: int) -> Prototypes:
    """Two of each of two classes."""
    means = np.random.default_rng(seed).normal(size=(4, width)).astype(np.float32)
    labels, counts = np.array([0, 0, 1, 1]), np.full(4, 5, np.float32)
    return Prototypes(labels, means, np.ones_like(means), counts)


BANK = {"fundus": prototypes(6, 0), "oct": prototypes(9, 1)}


def test_moments_and_a_plan_with_uniform_marginals():
    buffers, warnings = transport_parameters(BANK)
    assert warnings == []
    np.testing.assert_allclose(buffers["transport.oct_mean"], BANK["oct"].means.mean(0), atol=1e-6)
    plan = buffers["transport.plan"]
    np.testing.assert_allclose(plan.sum(axis=0), 1 / 9, atol=1e-5)
    np.testing.assert_allclose(plan.sum(axis=1), 1 / 6, atol=1e-5)


@pytest.mark.parametrize(
    ("value", "kept", "said"), [(0.1, True, "2000 sweeps"), (np.nan, False, "and is left out")]
)
def test_a_plan_that_was_not_solved_is_told_and_never_sent_if_not_finite(
    value, kept, said, monkeypatch
):
    unsolved = FeaturePlan(torch.full((6, 9), value), torch.tensor(value), 2000, False)
    monkeypatch.setattr(bank_module, "feature_plan", lambda *_: unsolved)
    buffers, warnings = transport_parameters(BANK)
    assert ("transport.plan" in buffers) is kept
    assert len(warnings) == 1
    assert warnings[0].endswith(said)
