"""The compiled coupling of a CPU against the batched one of accelerators, which is its oracle here."""

import pytest
import torch

from model.transport import Problem, cpu, fused, gromov, labelled_couplings
from model.transport.problems import assemble
from model.transport.projection import Marginals, Potentials

EXACT = {"tolerance": 1e-11, "max_steps": 2000}


def problem(n, m, classes, seed):
    generator = torch.Generator().manual_seed(seed)
    X, Y = (torch.randn(size, 7, generator=generator).double() for size in (n, m))
    lx, ly = (torch.randint(classes, (size,), generator=generator) for size in (n, m))
    return Problem(X, Y, lx, ly, torch.rand(n, generator=generator) + 0.5)


def batched(batch, eps, start=None):
    marginals = Marginals(batch.a[..., None], batch.b[:, None])
    quadratic = gromov.Quadratic(batch.D1, batch.D2, marginals, batch.same)
    return gromov.solve(quadratic, eps, start=start, **EXACT)


@pytest.mark.parametrize("eps", [2e-3, 5e-3, 5e-2])
def test_both_find_the_same_plans(eps):
    # The last one lacks classes on either side, the one before has many.
    sizes = [(9, 9, 1), (24, 31, 3), (1, 5, 1), (40, 40, 12), (6, 5, 9)]
    batch = assemble([problem(*size, seed=k) for k, size in enumerate(sizes)])
    expected, found = batched(batch, eps), cpu.solve(batch, eps, **EXACT)
    assert expected.converged.all()
    assert found.converged.all()
    assert float((found.plan - expected.plan).abs().sum((1, 2)).max()) < 1e-8
    separable = (
        batch.D1.square() @ batch.a[..., None] + batch.b[:, None] @ batch.D2.square()
    ) / eps
    cost = separable - 2 / eps * batch.D1 @ found.plan @ batch.D2
    exponent = (found.potentials.row + found.potentials.column - cost).exp()
    there = found.plan > 0
    torch.testing.assert_close(exponent[there], found.plan[there], atol=1e-9, rtol=1e-6)


def test_both_start_where_they_are_told():
    batch = assemble([problem(20, 16, 3, 1)])
    solved = batched(batch, 5e-3)
    start = solved.plan, Potentials(solved.potentials.row, solved.potentials.column)
    again = cpu.solve(batch, 5e-3, start=start, **EXACT)
    assert int(again.steps) <= 2
    assert float((again.plan - solved.plan).abs().sum()) < 1e-9


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

    monkeypatch.setattr(fused, "njit", nowhere)
    assert fused.compiled(abs) == (abs, fused.OPTIONS)
