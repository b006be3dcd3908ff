import numpy as np

from fed.pair_sums import PairSums

RANDOM = np.random.default_rng(0)
X, Y, LABELS = RANDOM.normal(size=(20, 3)), RANDOM.normal(size=(20, 2)), np.repeat([0, 2], 10)


def test_they_are_the_cross_covariances_of_each_class():
    sums = PairSums.of(X + 5, Y - 3, LABELS, 3)
    assert sums.counts.tolist() == [10, 0, 10]
    for label in (0, 2):
        rows = label == LABELS
        expected = np.cov(X[rows].T, Y[rows].T, ddof=0)[:3, 3:] * 10
        np.testing.assert_allclose(sums.scatter[label], expected, atol=1e-5)
    assert not sums.scatter[1].any()


def test_sites_add_up_and_their_devices_do_not_count():
    one, other = PairSums.of(X, Y, LABELS, 3), PairSums.of(X + 9, Y, LABELS, 3)
    both = one + other
    np.testing.assert_allclose(both.scatter, 2 * one.scatter, atol=1e-4)
    assert both.counts.tolist() == [20, 0, 20]
