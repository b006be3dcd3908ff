"""Accelerators: no value is read inside the sweeps (counted on the CPU), results are the same."""

import math
from collections import Counter

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from model.transport import (
    Problem,
    faithful,
    feature_plan,
    labelled_couplings,
    projection,
    scaling,
)
from model.transport.projection import Marginals, Potentials, project

READS = {"aten::_local_scalar_dense", "aten::item", "aten::is_nonzero", "aten::nonzero"}


class Reads(TorchDispatchMode):
    """Counts the operations after which the host waits for the device."""

    def __init__(self):
        super().__init__()
        self.counts = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.counts[function.name().split(".")[0]] += 1
        return function(*args, **(kwargs or {}))

    @property
    def total(self):
        return sum(self.counts[name] for name in READS)


def hard_costs(n, m, scale):
    generator = torch.Generator().manual_seed(0)
    return scale * torch.rand(n, m, generator=generator).double()


def test_the_counter_sees_a_read():
    with Reads() as reads:
        bool(torch.ones(3).any())
        torch.ones(3).tolist()
    assert reads.total >= 1
    with Reads() as reads:
        faithful.sinkhorn(hard_costs(6, 6, 1.0), 0.1)
    assert reads.total >= 1


@pytest.mark.parametrize("between_checks", [1, 4])
def test_coupling_sweeps_read_nothing_between_checks(monkeypatch, between_checks):
    monkeypatch.setitem(projection.SWEEPS_PER_CHECK, "cpu", between_checks)
    costs = hard_costs(12, 9, 300.0)[None]
    marginals = Marginals(costs.new_full((1, 12, 1), 1 / 12), costs.new_full((1, 1, 9), 1 / 9))
    start = Potentials(costs.new_zeros(1, 12, 1), costs.new_zeros(1, 1, 9))
    with Reads() as reads:
        solved = project(costs, marginals, start, costs.new_full((1,), 1e-9))
    assert solved.sweeps > 4
    assert reads.total == solved.sweeps // between_checks
    assert float(solved.error) <= 1e-9


def test_feature_sweeps_read_nothing_between_checks():
    costs = hard_costs(150, 140, 60.0)
    original = costs.clone()
    with Reads() as reads:
        solved = scaling.scale_to_uniform(costs, lambda out: out.copy_(original), 1e-9, 2000)
    assert solved.error <= 1e-9
    assert solved.sweeps > scaling.SWEEPS_PER_CHECK
    checks = math.ceil(solved.sweeps / scaling.SWEEPS_PER_CHECK)
    assert reads.total <= 2 * checks  # The error and the drift of the scalings, together.


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU at hand")
def test_a_gpu_gives_the_same_plans():
    generator = torch.Generator().manual_seed(0)
    problems = []
    for n, m in ((32, 32), (20, 27)):
        X, Y = torch.randn(n, 48, generator=generator), torch.randn(m, 300, generator=generator)
        problems.append(Problem(X, Y, torch.arange(n) % 4, torch.arange(m) % 4))
    on_gpu = [Problem(*(tensor.cuda() for tensor in problem[:4])) for problem in problems]
    pairs = zip(labelled_couplings(problems), labelled_couplings(on_gpu), strict=True)
    for problem, (here, there) in zip(problems, pairs, strict=True):
        torch.testing.assert_close(there.plan.cpu(), here.plan, atol=1e-5, rtol=1e-3)
        expected = feature_plan(problem.X, problem.Y, here.plan).plan
        plan = feature_plan(problem.X.cuda(), problem.Y.cuda(), there.plan).plan
        torch.testing.assert_close(plan.cpu(), expected, atol=1e-5, rtol=1e-3)
