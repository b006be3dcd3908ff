"""The compiled coupling of a CPU against the batched one of accelerators, which is its oracle here."""

import numpy as np
import pytest
import torch

from model.transport import Problem, blocks, compilation, gromov, labelled_couplings
from model.transport.problems import assemble

EXACT = {"tolerance": 1e-11, "max_steps": 2000}


def problem(n, m, classes, seed):
    generator = torch.Generator().manual_seed(seed)
    X, Y = (torch.randn(size, 7, generator=generator).double() for size in (n, m))
    lx, ly = (torch.randint(classes, (size,), generator=generator) for size in (n, m))
    return Problem(X, Y, lx, ly, torch.rand(n, generator=generator) + 0.5)


@pytest.mark.parametrize("eps", [2e-3, 5e-3, 5e-2])
def test_both_find_the_same_plans(eps):
    # The last one lacks classes on either side, the one before has many.
    sizes = [(9, 9, 1), (24, 31, 3), (1, 5, 1), (40, 40, 12), (6, 5, 9)]
    problems = [problem(*size, seed=k) for k, size in enumerate(sizes)]
    batch = assemble(problems)
    quadratic = gromov.Quadratic.of(batch)
    expected = gromov.solve(quadratic, eps, **EXACT)
    costs = gromov.objective(quadratic, expected.plan, eps)
    assert expected.converged.all()
    for k, found in enumerate(labelled_couplings(problems, eps=eps, **EXACT)):
        n, m, _ = sizes[k]
        assert found.converged
        assert found.left_out == batch.left_out[k]
        assert float((found.plan - expected.plan[k, :n, :m]).abs().sum()) < 1e-8
        torch.testing.assert_close(found.cost, costs[k], atol=1e-10, rtol=0)
        row, column = found.potentials
        D1, D2 = batch.D1[k], batch.D2[k]
        separable = (D1.square() @ batch.a[k])[:, None] + D2.square() @ batch.b[k]
        cost = (separable - 2 * D1 @ expected.plan[k] @ D2)[:n, :m] / eps
        exponent = (row[:, None] + column - cost).exp()
        there = found.plan > 0
        torch.testing.assert_close(exponent[there], found.plan[there], atol=1e-9, rtol=1e-6)


def test_they_start_where_they_are_told():
    held = [problem(20, 16, 3, 1)]
    solved = labelled_couplings(held, **EXACT)
    again = labelled_couplings(held, starts=solved, **EXACT)
    assert again[0].outer_steps <= 2
    assert float((again[0].plan - solved[0].plan).abs().sum()) < 1e-9


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("samples", [1, 3, 4, 37])
def test_distances_are_those_of_pairs(samples, dtype):
    # Far from the origin and near each other, where a product of matrices has no digits left.
    features = 1e4 + np.random.default_rng(samples).normal(size=(samples, 131)).astype(dtype)
    order = np.random.default_rng(0).permutation(samples)[: max(1, samples - 2)]
    pairs = features[order].astype(np.float64)
    expected = np.square(pairs[:, None] - pairs[None]).sum(-1)
    found = np.empty_like(expected)
    longest = blocks.distances(features, order, 1.0, found)
    assert longest == pytest.approx(expected.max(), rel=1e-13)
    np.testing.assert_allclose(found, expected / (longest or 1.0), rtol=1e-12)


def test_threads_change_no_number():
    problems = [problem(17, 12, 3, seed) for seed in range(6)]
    threads = torch.get_num_threads()
    plans = []
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            plans.append([solved.plan for solved in labelled_couplings(problems)])
    finally:
        torch.set_num_threads(threads)
    for one, three in zip(*plans, strict=True):
        assert torch.equal(one, three)


def test_code_is_compiled_where_nothing_can_be_kept(monkeypatch):
    def nowhere(**options):
        if options.pop("cache", False):
            raise RuntimeError("no locator available")
        return lambda function: (function, options)

    monkeypatch.setattr(compilation, "njit", nowhere)
    assert compilation.compiled(abs) == (abs, compilation.OPTIONS)
