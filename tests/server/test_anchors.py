"""What the coordinator predicts one modality with, of a bank and of linked pairs."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from fed.pair_sums import PairSums
from fed.prototypes import Prototypes
from server.anchors import anchors
from server.bank import moments_of

RANDOM = np.random.default_rng(0)
LABELS = np.repeat([0, 1], 30)
X = RANDOM.normal(size=(60, 4)) * [1.0, 2.0, 0.5, 3.0]
MIXING = RANDOM.normal(size=(2, 4, 3))
Y = np.einsum("nd,nde->ne", X, MIXING[LABELS]) + 0.1 * RANDOM.normal(size=(60, 3)) + 7.0


def eyes(values: np.ndarray) -> Prototypes:
    """Return a prototype an eye, so that the bank knows every moment."""
    means = values.astype(np.float32)
    return Prototypes(LABELS, means, np.zeros_like(means), np.ones(60, np.float32))


BANK = {"fundus": eyes(X), "oct": eyes(Y)}
PAIRS = PairSums.of(X, Y, LABELS, 2)


def standardised(modality: str) -> np.ndarray:
    mean, std = moments_of(BANK[modality])
    return (BANK[modality].means.astype(np.float64) - mean) / std


@pytest.mark.parametrize(("source", "target"), [("fundus", "oct"), ("oct", "fundus")])
def test_a_class_is_predicted_as_ridge_regression_on_the_pairs_predicts_it(source, target):
    found = anchors(BANK, PAIRS)
    for label in (0, 1):
        x, y = (standardised(m)[label == LABELS] for m in (source, target))
        fitted = Ridge(alpha=x.shape[1] * x.var(axis=0).mean()).fit(x, y)
        predicted = x @ found[f"{target}.weight"][label] + found[f"{target}.offset"][label]
        np.testing.assert_allclose(predicted, fitted.predict(x), atol=1e-4)


def test_a_class_without_pairs_is_predicted_by_its_mean():
    rows = LABELS == 0
    found = anchors(BANK, PairSums.of(X[rows], Y[rows], LABELS[rows], 2))
    assert found["oct.weight"][0].any()
    assert not found["oct.weight"][1].any()
    np.testing.assert_allclose(
        found["oct.offset"][1], standardised("oct")[LABELS == 1].mean(axis=0), atol=1e-5
    )


def test_no_site_claims_more_than_the_variances_allow():
    loud = anchors(BANK, PairSums(PAIRS.counts, 1e9 * np.sign(PAIRS.scatter)))
    louder = anchors(BANK, PairSums(PAIRS.counts, 1e12 * np.sign(PAIRS.scatter)))
    for name, value in loud.items():
        assert np.isfinite(value).all()
        np.testing.assert_array_equal(value, louder[name])
    assert np.abs(loud["oct.weight"]).max() < 10


def test_where_nothing_varies_nothing_is_predicted():
    flat = {m: Prototypes(b.labels, 0 * b.means, b.variances, b.counts) for m, b in BANK.items()}
    found = anchors(flat, PAIRS)
    assert all(not value.any() for value in found.values())


def test_without_pairs_or_a_half_of_the_bank_there_are_none():
    assert anchors(BANK, None) == {}
    assert anchors({"oct": BANK["oct"]}, PAIRS) == {}
