"""No NaN, no hang, no silent wrong answer: hard inputs, and properties that any input must have."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.transport import (
    Problem,
    feature_plan,
    labelled_coupling,
    labelled_couplings,
    transport_features,
)
from model.transport.projection import Marginals, Potentials, project
from model.transport.published import published_coupling


def samples(n, d, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)).double()


def assert_sound(X, Y, lx, ly, coupling, feature=True):
    """A coupling that converged, of mass one, on the classes in common, evenly over its rows."""
    common = set(lx.tolist()) & set(ly.tolist())
    assert coupling.converged
    assert set(coupling.left_out) == set(lx.tolist()) ^ set(ly.tolist())
    assert torch.isfinite(coupling.plan).all()
    assert (coupling.plan >= 0).all()
    assert (coupling.plan[lx[:, None] != ly] == 0).all()
    kept = torch.tensor([label in common for label in lx.tolist()])
    rows = kept.double() / kept.sum()
    assert (coupling.plan.sum(1).double() - rows).abs().max() < 1e-6
    taken = torch.tensor([label in common for label in ly.tolist()])
    share = torch.stack([(lx == c).sum() / kept.sum() / (ly == c).sum() for c in ly])
    assert (coupling.plan.sum(0) - share * taken).abs().max() < 1e-6
    if feature:
        solved = feature_plan(X, Y, coupling.plan)
        assert solved.converged
        for side in (0, 1):
            mass = solved.plan.sum(1 - side).double()
            assert (mass - 1 / solved.plan.shape[side]).abs().max() < 1e-6
        assert torch.isfinite(transport_features(solved.plan, Y)).all()


@st.composite
def problems(draw, ties=True):
    n, m = draw(st.integers(1, 20)), draw(st.integers(1, 20))
    dx, dy = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    classes = draw(st.integers(1, 5))
    seed = draw(st.integers(0, 2**31))
    generator = torch.Generator().manual_seed(seed)
    lx = torch.randint(classes, (n,), generator=generator)
    ly = torch.randint(classes, (m,), generator=generator)
    ly[0] = lx[0]
    levels = draw(st.sampled_from([1, 2, 5, 0])) if ties else 0  # Few levels make ties, 0 none.
    X, Y = (torch.randn(k, d, generator=generator).double() for k, d in ((n, dx), (m, dy)))
    if levels:
        X, Y = (X * levels / 2).round(), (Y * levels / 2).round()
    return X, Y, lx, ly


@settings(max_examples=60, deadline=None)
@given(problems(), st.sampled_from([1e-4, 1e-3, 5e-3, 0.05, 1.0]))
def test_any_problem_gives_a_sound_coupling(problem, eps):
    coupling = labelled_coupling(*problem, eps=eps, max_steps=3000)
    assert_sound(*problem, coupling, feature=eps == 5e-3)


@settings(max_examples=25, deadline=None)
@given(problems(ties=False), st.integers(0, 2**31))
def test_permuting_samples_permutes_the_plan(problem, seed):
    X, Y, lx, ly = problem
    generator = torch.Generator().manual_seed(seed)
    rows, columns = (torch.randperm(len(Z), generator=generator) for Z in (X, Y))
    permuted = labelled_coupling(X[rows], Y[columns], lx[rows], ly[columns], eps=0.05)
    plan = labelled_coupling(*problem, eps=0.05).plan
    torch.testing.assert_close(permuted.plan, plan[rows][:, columns], atol=1e-5, rtol=0)


@settings(max_examples=25, deadline=None)
@given(problems(ties=False), st.sampled_from([1e-6, 1e6]), st.booleans())
def test_labels_names_and_scales_do_not_matter(problem, scale, of_y):
    X, Y, lx, ly = problem
    plan = labelled_coupling(*problem).plan
    names = torch.tensor([7, -3, 2**40, 0, 11])
    X, Y = (X - 5, scale * Y) if of_y else (scale * X, Y - 5)
    renamed = labelled_coupling(X, Y, names[lx], names[ly]).plan
    torch.testing.assert_close(renamed, plan, atol=1e-5, rtol=0)


@pytest.mark.parametrize("seed", range(5))
def test_the_two_directions_are_transposes(seed):
    labels = torch.arange(32) % 4
    X, Y = samples(32, 64, seed), samples(32, 48, seed + 100)
    forth = labelled_coupling(X, Y, labels, labels).plan
    back = labelled_coupling(Y, X, labels, labels).plan
    torch.testing.assert_close(back.T, forth, atol=1e-6, rtol=0)


HARD = {
    "one sample": (samples(1, 3), samples(1, 4), [0], [0]),
    "one against many": (samples(1, 3), samples(6, 4), [2], [2] * 6),
    "one class": (samples(9, 3), samples(7, 4), [1] * 9, [1] * 7),
    "singletons": (samples(5, 3), samples(5, 4), [0, 1, 2, 3, 4], [4, 3, 2, 1, 0]),
    "identical samples": (
        samples(1, 3).repeat(6, 1),
        samples(6, 4),
        [0, 0, 0, 1, 1, 1],
        [0, 1] * 3,
    ),
    "all identical": (
        torch.full((4, 3), 0.1),
        torch.full((6, 2), 0.7),
        [0, 0, 1, 1],
        [0, 1, 1] * 2,
    ),
    "duplicates": (samples(3, 3).repeat(3, 1), samples(9, 4), [0, 1, 2] * 3, [0, 1, 2] * 3),
    "zeros": (torch.zeros(4, 3), torch.zeros(4, 3), [0, 0, 1, 1], [0, 0, 1, 1]),
    "one-sided labels": (samples(6, 3), samples(6, 4), [0, 0, 1, 1, 5, 5], [0, 0, 1, 1, 9, 9]),
    "an outlier": (
        samples(6, 3) * torch.tensor([[1e9], *[[1.0]] * 5]),
        samples(6, 4),
        [0] * 6,
        [0] * 6,
    ),
    "huge and tiny": (
        1e150 * samples(6, 3),
        1e-150 * samples(6, 4),
        [0, 0, 0, 1, 1, 1],
        [0, 1] * 3,
    ),
    "one dimension": (samples(8, 1), samples(8, 1, 1), [0, 1] * 4, [0, 1] * 4),
    "6144 dimensions": (samples(8, 6144), samples(8, 1, 1), [0, 1] * 4, [0, 1] * 4),
}


@pytest.mark.parametrize("name", HARD)
def test_hard_inputs(name):
    X, Y, lx, ly = HARD[name]
    lx, ly = torch.tensor(lx), torch.tensor(ly)
    feature = name != "huge and tiny"  # Squares of 1e150 are no floating-point numbers.
    assert_sound(X, Y, lx, ly, labelled_coupling(X, Y, lx, ly), feature)


def test_identical_samples_give_the_uniform_coupling_of_each_class():
    lx, ly = torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1, 1])
    plan = labelled_coupling(torch.ones(3, 2), torch.ones(4, 5), lx, ly).plan
    expected = torch.tensor([[3, 0, 0, 0], [3, 0, 0, 0], [0, 1, 1, 1]]) / 9
    torch.testing.assert_close(plan, expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_short_floats_are_taken_at_their_value(dtype):
    X, Y = samples(16, 8).to(dtype), samples(16, 6, 1).to(dtype)
    labels = torch.arange(16) % 3
    coupling = labelled_coupling(X, Y, labels, labels)
    assert coupling.plan.dtype == torch.float32
    exact = labelled_coupling(X.double(), Y.double(), labels, labels)
    torch.testing.assert_close(coupling.plan, exact.plan.float())
    assert_sound(X, Y, labels, labels, coupling)


def test_512_samples():
    X, Y, labels = samples(512, 16), samples(512, 16, 1), torch.arange(512) % 5
    assert_sound(X, Y, labels, labels, labelled_coupling(X, Y, labels, labels))


@pytest.mark.parametrize("eps", [1e-4, 1e-3, 5e-3, 0.1, 1.0])
def test_any_eps(eps):
    X, Y, labels = samples(32, 64), samples(32, 48, 1), torch.arange(32) % 4
    coupling = labelled_coupling(X, Y, labels, labels, eps=eps)
    assert_sound(X, Y, labels, labels, coupling, feature=False)
    solved = feature_plan(X, Y, coupling.plan, eps=eps)
    assert solved.converged
    assert (solved.plan.sum(0) - 1 / 48).abs().max() < 1e-6


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("eps", [1e-4, 1e-3, 5e-3, 0.1, 1.0])
def test_any_eps_with_many_features(eps, dtype):
    X, Y = samples(32, 150).to(dtype), samples(32, 140, 1).to(dtype)
    solved = feature_plan(X, Y, torch.eye(32), eps=eps)
    assert torch.isfinite(solved.plan).all()
    torch.testing.assert_close(solved.plan.sum(1).double(), torch.full((150,), 1 / 150).double())
    error = float((solved.plan.double().sum(0) - 1 / 140).abs().sum())
    # The smallest eps may need more sweeps than it is given: then it says so.
    assert solved.converged == (error < 2.5e-6)
    assert solved.converged or eps == 1e-4
    assert error < 0.05


@pytest.mark.parametrize("dims", [(129, 129), (130, 2000), (2000, 130)])
def test_costs_far_beyond_the_number_range_of_float32(dims):
    X, Y = (samples(8, d, d).float() for d in dims)
    solved = feature_plan(X, Y, torch.eye(8), eps=1e-4)
    assert torch.isfinite(solved.plan).all()
    for side in (0, 1):
        mass = solved.plan.double().sum(1 - side)
        assert (mass - 1 / dims[side]).abs().sum() < 1e-3


def test_a_plateau_of_the_error_does_not_stop_the_projection():
    # Mass has to move between rows whose costs are 1000 eps apart: the error stands still long.
    costs = torch.tensor([[[2489.7, 2150.2, 1326.6], [1578.8, 1552.7, 3392.7]]]).double()
    marginals = Marginals(costs.new_full((1, 2, 1), 1 / 2), costs.new_full((1, 1, 3), 1 / 3))
    start = Potentials(costs.new_zeros(1, 2, 1), costs.new_zeros(1, 1, 3))
    solved = project(costs, marginals, start, costs.new_full((1,), 1e-9))
    assert float(solved.error) <= 1e-9


def test_6144_features_on_both_sides_of_a_step():
    X, Y, labels = samples(16, 6144).float(), samples(16, 160, 1).float(), torch.arange(16) % 4
    assert_sound(X, Y, labels, labels, labelled_coupling(X, Y, labels, labels))


def refused(match, X=None, Y=None, lx=None, ly=None, **options):
    X = samples(3, 2) if X is None else X
    Y = samples(3, 2) if Y is None else Y
    lx = torch.zeros(3).long() if lx is None else lx
    ly = torch.zeros(3).long() if ly is None else ly
    with pytest.raises(ValueError, match=match):
        labelled_coupling(X, Y, lx, ly, **options)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_features_that_are_not_finite_are_refused(value):
    broken = samples(3, 2)
    broken[1, 0] = value
    refused("X is not finite, first in row 1", X=broken)
    refused("Y is not finite, first in row 1", Y=broken)
    with pytest.raises(ValueError, match="Y is not finite"):
        feature_plan(samples(3, 2), broken, torch.eye(3).double())


def test_other_mistakes_are_refused():
    refused("no label in common", ly=torch.ones(3).long())
    refused("lx is torch.float32", lx=torch.zeros(3))
    refused("ly is torch.int64 of shape", ly=torch.zeros(2).long())
    refused("X is torch.float64 of shape", X=samples(0, 2))
    refused("X is torch.int64", X=torch.zeros(3, 2).long())
    refused("weights a", a=torch.tensor([1.0, -1.0, 1.0]))
    refused("b has shape", b=torch.ones(2))
    refused("no label in common", b=torch.zeros(3))
    refused("eps is 0", eps=0)


def test_the_released_solver_refuses_samples_that_are_all_equal():
    labels = torch.zeros(3).long()
    with pytest.raises(ValueError, match="largest distance"):
        published_coupling(torch.ones(3, 2), samples(3, 2), labels, labels)


def test_a_mistake_in_a_batch_names_its_problem():
    good = Problem(samples(3, 2), samples(3, 2), torch.zeros(3).long(), torch.zeros(3).long())
    bad = good._replace(ly=torch.ones(3).long())
    with pytest.raises(ValueError, match="problem 1"):
        labelled_couplings([good, bad])
    narrow = Problem(samples(3, 5), samples(3, 2), *good[2:4])
    broken = good._replace(X=good.X * torch.tensor([[1.0], [1.0], [math.nan]]))
    with pytest.raises(ValueError, match="X in problem 2 is not finite, first in row 2"):
        labelled_couplings([good, narrow, broken])
    assert labelled_couplings([]) == []


def test_the_cost_has_the_gradient_that_finite_differences_give():
    labels = torch.tensor([0, 0, 0, 1, 1, 1])
    X, Y = samples(6, 3).requires_grad_(), samples(6, 4, 1).requires_grad_()

    def cost(X, Y):
        return labelled_coupling(X, Y, labels, labels, eps=0.02, tolerance=1e-12).cost

    assert torch.autograd.gradcheck(cost, (X, Y), eps=1e-5, atol=1e-6)
    assert not labelled_coupling(X, Y, labels, labels).plan.requires_grad


def test_a_warm_start_reaches_the_same_coupling_sooner():
    X, Y, labels = samples(24, 16), samples(24, 12, 1), torch.arange(24) % 3
    cold = labelled_coupling(X, Y, labels, labels)
    moved = X + 1e-4 * samples(24, 16, 2)
    warm = labelled_coupling(moved, Y, labels, labels, start=cold)
    again = labelled_coupling(moved, Y, labels, labels)
    torch.testing.assert_close(warm.plan, again.plan, atol=1e-5, rtol=0)
    assert warm.outer_steps < again.outer_steps
    with pytest.raises(ValueError, match="the starts have plans of shape"):
        labelled_coupling(X[:5], Y, labels[:5], labels, start=cold)


def test_too_few_steps_are_admitted():
    X, Y, labels = samples(24, 16), samples(24, 12, 1), torch.arange(24) % 3
    assert not labelled_coupling(X, Y, labels, labels, max_steps=2).converged
    assert not feature_plan(
        samples(9, 200), samples(9, 200, 1), torch.eye(9).double(), max_sweeps=2
    ).converged
