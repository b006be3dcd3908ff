import numpy as np
import pytest
from scipy.stats import norm

from clients.onboarding.bayes import estimated_shares, evidence_of, training_shares, weigh
from fed.prototypes import Prototypes

PRIOR = np.array([0.7, 0.2, 0.1])


def likelihoods(x):
    return np.stack([norm.logpdf(x, centre) for centre in (0.0, 1.0, 2.0)], axis=1)


def test_the_correction_gives_the_posterior_under_the_new_shares():
    x = np.linspace(-2, 4, 9)
    joint = np.exp(likelihoods(x)) * PRIOR
    expected = joint / joint.sum(axis=1, keepdims=True)
    even = evidence_of(likelihoods(x), np.full(3, 1 / 3))
    np.testing.assert_allclose(np.exp(weigh(even, PRIOR)), expected)


def test_taking_a_prior_out_undoes_putting_it_in():
    even = evidence_of(likelihoods(np.linspace(-2, 4, 9)), np.full(3, 1 / 3))
    np.testing.assert_allclose(evidence_of(weigh(even, PRIOR), PRIOR), even)


def test_expectation_maximisation_finds_the_shares_that_the_cases_were_drawn_with():
    random = np.random.default_rng(0)
    labels = random.choice(3, size=20_000, p=PRIOR)
    found = estimated_shares(likelihoods(labels + random.standard_normal(len(labels))))
    np.testing.assert_allclose(found, PRIOR, atol=0.02)


def test_without_cases_estimated_shares_are_even():
    np.testing.assert_allclose(estimated_shares(np.zeros((0, 4))), 0.25)


def test_the_plain_loss_answers_for_the_training_shares_the_adjusted_one_for_even_ones():
    bank = {
        "fundus": Prototypes(
            np.array([0, 0, 1]), np.zeros((3, 1)), np.ones((3, 1)), np.array([20.0, 10.0, 10.0])
        )
    }
    np.testing.assert_allclose(training_shares(bank, 2, even=False), [30.5 / 41, 10.5 / 41])
    assert training_shares(bank, 2, even=True) == pytest.approx([0.5, 0.5])
