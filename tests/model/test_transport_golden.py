"""The faithful mode against the outputs of the published solver."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from model.transport.published import published_coupling, published_plan

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("FEDRIMA_SHARED", ROOT.parent / "shared"))
FILES = sorted((SHARED / "reference" / "golden").glob("*.npz"))

pytestmark = pytest.mark.skipif(not FILES, reason=f"no golden files under {SHARED}")


@pytest.fixture(params=FILES, ids=lambda path: path.stem.split("_")[0])
def golden(request):
    return dict(np.load(request.param))


def inputs(golden, dtype):
    X, Y, lx, ly = (torch.from_numpy(golden[key]) for key in ("X", "Y", "lx", "ly"))
    return X.to(dtype), Y.to(dtype), lx, ly


def l1(plan, expected):
    return np.abs(plan.double().numpy() - expected).sum()


def test_float64_coupling_is_the_published_one_step_by_step(golden):
    X, Y, lx, ly = inputs(golden, torch.float64)
    forth = published_coupling(X, Y, lx, ly)
    back = published_coupling(Y, X, ly, lx)
    np.testing.assert_allclose(forth.plan, golden["T"], rtol=0, atol=1e-10)
    np.testing.assert_allclose(back.plan, golden["T_rev"], rtol=0, atol=1e-10)
    assert forth.outer_steps == golden["egw_n_outer"]
    assert forth.inner_sweeps == tuple(golden["egw_inner"])
    assert float(forth.cost) == pytest.approx(golden["egw_costs"][-1], rel=1e-9)
    assert forth.converged == (golden["egw_converged"] and golden["egw_inner_converged"].all())


def test_float64_feature_plan_is_the_published_one(golden):
    X, Y, _, _ = inputs(golden, torch.float64)
    T = torch.from_numpy(golden["T"])
    solved = published_plan(X, Y, T)
    if "Tv" not in golden:  # The release raises when n and m differ.
        assert torch.isfinite(solved.plan).all()
        assert float(solved.plan.sum()) == pytest.approx(1, abs=1e-3)
        return
    np.testing.assert_allclose(solved.plan, golden["Tv"], rtol=0, atol=1e-10)
    assert solved.sweeps == golden["fot_n_inner"]
    assert float(solved.cost) == pytest.approx(float(golden["fot_cost"]), rel=1e-9)


def test_float64_reverse_feature_plan_is_the_published_one(golden):
    if "Tv_rev" not in golden:
        pytest.skip("the file holds no reverse feature plan")
    X, Y, _, _ = inputs(golden, torch.float64)
    solved = published_plan(Y, X, torch.from_numpy(golden["T_rev"]))
    np.testing.assert_allclose(solved.plan, golden["Tv_rev"], rtol=0, atol=1e-10)


def test_float32_stays_close_to_the_float64_golden(golden):
    X, Y, lx, ly = inputs(golden, torch.float32)
    coupling = published_coupling(X, Y, lx, ly)
    assert coupling.plan.dtype == torch.float32
    assert l1(coupling.plan, golden["T"]) < 2e-4
    if "Tv" in golden:
        plan = published_plan(X, Y, coupling.plan).plan
        assert l1(plan, golden["Tv"]) < 3e-4
