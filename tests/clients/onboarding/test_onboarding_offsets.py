import numpy as np
import ot
import pytest

from clients.onboarding.bayes import weigh
from clients.onboarding.offsets import class_offsets

SHARES = np.array([0.5, 0.3, 0.15, 0.05])


@pytest.fixture
def evidence():
    return 1.5 * np.random.default_rng(0).standard_normal((80, 4))


def posteriors(evidence):
    return np.exp(weigh(evidence + class_offsets(evidence, SHARES), SHARES))


def test_the_archive_falls_into_the_classes_in_the_known_shares(evidence):
    np.testing.assert_allclose(posteriors(evidence).mean(axis=0), SHARES, atol=1e-9)


def test_the_posteriors_are_the_sinkhorn_plan(evidence):
    expected = ot.sinkhorn(np.full(80, 1 / 80), SHARES, -evidence, reg=1.0, stopThr=1e-12)
    np.testing.assert_allclose(posteriors(evidence) / 80, expected, atol=1e-9)


def test_an_offset_of_the_evidence_is_undone(evidence):
    """What shifts all cases alike, as a camera does to a class, has no say left."""
    shifted = evidence + np.array([0.0, 1.0, -2.0, 0.5])
    np.testing.assert_allclose(posteriors(shifted), posteriors(evidence), atol=1e-9)


def test_an_archive_that_already_fits_needs_no_offsets():
    fitting = np.tile(np.zeros(4), (10, 1))
    np.testing.assert_allclose(class_offsets(fitting, SHARES), 0.0, atol=1e-12)


def test_without_an_archive_nothing_is_moved():
    np.testing.assert_array_equal(class_offsets(np.zeros((0, 4)), SHARES), 0.0)
