"""The compiled coupling of a CPU against the batched one of accelerators, which is its oracle here."""

import pytest
import torch

from model.transport import Problem, compilation, gromov, labelled_couplings
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
        separable = (batch.D1[k].square() @ batch.a[k])[:n, None] + batch.D2[k].square() @ batch.b[k]
        cross = (batch.D1[k] @ expected.plan[k] @ batch.D2[k])[:n, :m]
        cost = (separable[:, :m] - 2 * cross) / eps
        exponent = (row[:, None] + column - cost).exp()
        there = found.plan > 0
        torch.testing.assert_close(exponent[there], found.plan[there], atol=1e-9, rtol=1e-6)


def test_they_start_where_they_are_told():
    held = [problem(20, 16, 3, 1)]
    solved = labelled_couplings(held, **EXACT)
    again = labelled_couplings(held, starts=solved, **EXACT)
    assert again[0].outer_steps <= 2
    assert float((again[0].plan - solved[0].plan).abs().sum()) < 1e-9


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
