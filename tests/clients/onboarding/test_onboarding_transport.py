import numpy as np
import ot
import pytest

from clients.onboarding.bayes import weigh
from clients.onboarding.transport import class_potentials

SHARES = np.array([0.5, 0.3, 0.15, 0.05])


@pytest.fixture
def evidence():
    return 1.5 * np.random.default_rng(0).standard_normal((80, 4))


def plan(evidence, penalty=None):
    """Return the plan ``(N, K)`` that the potentials stand for."""
    potentials = class_potentials(evidence, SHARES, penalty)
    return np.exp(weigh(evidence + potentials, SHARES)) / len(evidence)


def test_the_balanced_plan_assigns_the_archive_in_the_known_shares(evidence):
    found = plan(evidence)
    np.testing.assert_allclose(found.sum(axis=0), SHARES, atol=1e-9)
    np.testing.assert_allclose(found.sum(axis=1), 1 / 80)


def test_the_balanced_plan_is_the_sinkhorn_plan(evidence):
    expected = ot.sinkhorn(np.full(80, 1 / 80), SHARES, -evidence, reg=1.0, stopThr=1e-12)
    np.testing.assert_allclose(plan(evidence), expected, atol=1e-9)


def test_the_unbalanced_plan_minimises_cost_and_divergences(evidence):
    """Against a general optimiser on the plan's logits; its rows are exact by construction."""
    from scipy.optimize import minimize

    penalty, few = 3.0, evidence[:6]

    def assign(logits):
        rows = np.exp(logits.reshape(6, 4))
        return rows / rows.sum(axis=1, keepdims=True) / 6

    def objective(logits):
        T = assign(logits)
        shares = T.sum(axis=0)
        return (
            -(T * few).sum()
            + (T * np.log(T / (SHARES / 6))).sum()
            + penalty * (shares * np.log(shares / SHARES)).sum()
        )

    best = minimize(objective, np.zeros(24), tol=1e-12)
    np.testing.assert_allclose(plan(few, penalty), assign(best.x), atol=1e-5)


def test_the_penalty_leads_from_the_bayes_correction_to_the_exact_shares(evidence):
    bayes = np.exp(weigh(evidence, SHARES)) / 80
    np.testing.assert_allclose(plan(evidence, 1e-9), bayes, atol=1e-9)
    np.testing.assert_allclose(plan(evidence, 1e9), plan(evidence), atol=1e-6)


def test_an_archive_that_already_fits_needs_no_potentials():
    fitting = np.tile(np.zeros(4), (10, 1))
    np.testing.assert_allclose(class_potentials(fitting, SHARES), 0.0, atol=1e-12)


def test_without_an_archive_nothing_is_moved():
    np.testing.assert_array_equal(class_potentials(np.zeros((0, 4)), SHARES), 0.0)
