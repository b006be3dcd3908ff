"""Feature plans and targets against known answers and an independent solver."""

import ot
import pytest
import torch

from model.transport import (
    draw_targets,
    feature_plan,
    features,
    transport_features,
)


def matched_samples(n, dx, dy, seed=0):
    generator = torch.Generator().manual_seed(seed)
    X = torch.randn(n, dx, generator=generator).double()
    Y = torch.randn(n, dy, generator=generator).double()
    return X, Y, torch.eye(n).double() / n


@pytest.mark.parametrize("newton", [True, False])
@pytest.mark.parametrize("eps", [5e-3, 5e-2])
def test_plan_agrees_with_pot(eps, newton, monkeypatch):
    monkeypatch.setattr(features, "LARGEST_NEWTON_SIDE", 12 if newton else 11)
    X, Y, T = matched_samples(20, 12, 30)
    solved = feature_plan(X, Y, T, eps=eps, tolerance=1e-9, max_sweeps=20000)
    standard = [(Z - Z.mean(0)) / Z.std(0, correction=0) for Z in (X, Y)]
    M = ((standard[0][:, :, None] - standard[1][:, None, :]) ** 2).mean(0)
    a, b = torch.full((12,), 1 / 12).double(), torch.full((30,), 1 / 30).double()
    expected = ot.sinkhorn(
        a, b, M / M.max(), eps, method="sinkhorn_log", stopThr=1e-12, numItermax=20000
    )
    assert solved.converged
    assert (solved.plan - expected).abs().sum() < 1e-6
    assert float(solved.cost) == pytest.approx(float((M * expected).sum()), rel=1e-6)


@pytest.mark.parametrize(("eps", "few"), [(5e-3, True), (5e-4, False)])
def test_many_costs_are_swept_and_left_to_newton_where_sweeps_are_many(eps, few, monkeypatch):
    X, Y, T = matched_samples(20, 40, 900)
    solved = feature_plan(X, Y, T, eps=eps, tolerance=1e-9)
    monkeypatch.setattr(features, "LEAST_SWEPT_COSTS", 40 * 900 + 1)
    newton = feature_plan(X, Y, T, eps=eps, tolerance=1e-9)
    assert solved.converged
    assert newton.converged
    assert (solved.sweeps < features.SWEEPS_BEFORE_NEWTON) == few
    assert (solved.plan - newton.plan).abs().sum() < 1e-6


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_two_directions_of_many_features_are_transposes(dtype):
    X, Y, T = (matrix.to(dtype) for matrix in matched_samples(16, 140, 300))
    forth, back = feature_plan(X, Y, T), feature_plan(Y, X, T.T)
    assert forth.converged
    assert back.converged
    assert (forth.plan - back.plan.T).abs().sum() < 2e-5
    assert float(forth.cost) == pytest.approx(float(back.cost), rel=1e-5)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_plan_does_not_depend_on_the_scale_of_a_modality(scale):
    X, Y, T = matched_samples(20, 12, 30)
    expected = feature_plan(X, Y, T).plan
    torch.testing.assert_close(feature_plan(scale * X, Y, T).plan, expected)
    torch.testing.assert_close(feature_plan(X, scale * Y + 3 * scale, T).plan, expected)


def test_permuted_features_are_matched_and_carried_back():
    X, _, T = matched_samples(40, 16, 16)
    order = torch.randperm(16, generator=torch.Generator().manual_seed(1))
    plan = feature_plan(X, X[:, order], T, eps=1e-3).plan
    assert (order[plan.argmax(1)] == torch.arange(16)).all()
    torch.testing.assert_close(transport_features(plan, X[:, order]), X, atol=1e-3, rtol=1e-3)


def test_constant_features_are_harmless():
    X, Y, T = matched_samples(10, 6, 5)
    X[:, 2], Y[:, :] = 0.1, 7.0
    solved = feature_plan(X, Y, T)
    assert torch.isfinite(solved.plan).all()
    torch.testing.assert_close(solved.plan.sum(0), torch.full((5,), 0.2).double())


def test_targets_are_drawn_in_proportion_and_reproducibly():
    row = torch.tensor([0.0, 0.1, 0.0, 0.3, 0.0])
    plan = row.repeat(20000, 1)
    plan[0] = 0
    drawn = draw_targets(plan, torch.Generator().manual_seed(0))
    assert drawn[0] == -1
    share = torch.bincount(drawn[1:], minlength=5) / 19999
    torch.testing.assert_close(share, torch.tensor([0, 0.25, 0, 0.75, 0]), atol=0.02, rtol=0)
    assert (drawn == draw_targets(plan, torch.Generator().manual_seed(0))).all()


def test_a_coupling_without_mass_is_refused():
    X, Y, T = matched_samples(4, 3, 3)
    with pytest.raises(ValueError, match="no mass"):
        feature_plan(X, Y, 0 * T)
