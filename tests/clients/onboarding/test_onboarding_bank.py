import numpy as np
import pytest
from scipy.stats import norm

from clients.onboarding.bank import bank_evidence, covers
from fed.prototypes import Prototypes


def prototypes(labels, means, variances, counts):
    return Prototypes(
        np.array(labels),
        np.array(means, dtype=np.float32),
        np.array(variances, dtype=np.float32),
        np.array(counts, dtype=np.float32),
    )


def test_one_prototype_a_class_is_discriminant_analysis():
    """With one Gaussian a class and one variance, the log odds are linear in the features."""
    bank = prototypes([0, 1], [[0, 0], [2, 1]], [[1, 4], [1, 4]], [10, 30])
    x = np.array([[0.0, 0.0], [1.0, 0.5], [3.0, -2.0]])
    found = bank_evidence(x, bank, 2, independent=2)
    odds = x @ np.array([2.0, 0.25]) - (4 / 2 + 1 / 8)
    np.testing.assert_allclose(found[:, 1] - found[:, 0], odds, rtol=1e-6)
    np.testing.assert_allclose(np.exp(found).sum(axis=1), 1.0)


def test_a_class_is_a_mixture_over_its_prototypes_and_temperature_divides_it():
    bank = prototypes([0, 0, 1], [[-1], [2], [5]], [[1], [1], [1]], [3, 1, 7])
    x = np.linspace(-3, 6, 10)[:, None]
    zero = np.log(0.75 * norm.pdf(x[:, 0], -1) + 0.25 * norm.pdf(x[:, 0], 2))
    one = norm.logpdf(x[:, 0], 5)
    for temperature in (1.0, 8.0):
        found = bank_evidence(x, bank, 2, independent=1 / temperature)
        np.testing.assert_allclose(
            found[:, 0] - found[:, 1], (zero - one) / temperature, rtol=1e-5, atol=1e-6
        )


def test_the_variance_is_that_within_prototypes_weighed_by_their_cases():
    bank = prototypes([0, 1], [[0], [1]], [[1], [5]], [3, 1])
    found = bank_evidence(np.array([[1.0]]), bank, 2, independent=1)
    assert found[0, 1] - found[0, 0] == pytest.approx(1 / (2 * 2.0))


def test_a_feature_that_never_varies_does_no_harm():
    bank = prototypes([0, 1], [[0, 7], [1, 7]], [[1, 0], [1, 0]], [5, 5])
    assert np.isfinite(bank_evidence(np.array([[0.5, 7.0]]), bank, 2)).all()


def test_covers_asks_for_every_class():
    bank = prototypes([0, 0, 2], [[0], [1], [2]], np.ones((3, 1)), [1, 1, 1])
    assert not covers(bank, 3)
    assert not covers(bank, 4)
