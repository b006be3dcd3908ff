"""Clusters that lie far out are pulled in; honest ones are left as they are."""

import numpy as np
import pytest

from fed.prototypes import Prototypes
from server.bank_bounds import FACTOR, bounded

RANDOM = np.random.default_rng(3)
SITES = [f"site-{i}" for i in range(6)]


def clusters(offset=0.0, variance=1.0, labels=(0, 0, 1)):
    n = len(labels)
    return Prototypes(
        np.array(labels),
        (RANDOM.normal(size=(n, 4)) + offset).astype(np.float32),
        np.full((n, 4), variance, np.float32),
        np.full(n, 5, np.float32),
    )


def test_honest_clusters_stay_as_they_are():
    parts = [clusters(offset) for offset in (0.0, 0.3, -0.5, 1.0, 2.0, -1.5)]
    found, pulled = bounded(parts, SITES)
    assert pulled == []
    assert all(a is b for a, b in zip(found, parts, strict=True))


def test_clusters_far_out_come_to_the_bound_and_are_told():
    parts = [*(clusters() for _ in range(5)), clusters(1e5)]
    found, pulled = bounded(parts, SITES)
    assert {(p.site, p.label) for p in pulled} == {("site-5", 0), ("site-5", 1)}
    assert all(p.factor < 1e-3 for p in pulled)
    # Nobody honest is further out than about 3; the bound is FACTOR times what is usual.
    assert np.abs(found[5].means).max() < 3 * FACTOR
    assert all(a is b for a, b in zip(found[:5], parts[:5], strict=True))


def test_clusters_that_are_too_wide_are_narrowed():
    parts = [*(clusters() for _ in range(5)), clusters(variance=1e8)]
    found, pulled = bounded(parts, SITES)
    assert [p.site for p in pulled] == ["site-5", "site-5"]
    assert found[5].variances.max() < 100
    np.testing.assert_allclose(found[5].means, parts[5].means, rtol=1e-6)


def test_a_class_of_two_sites_is_left_alone():
    parts = [clusters(labels=(0,)), clusters(1e5, labels=(0,))]
    assert bounded(parts, SITES[:2])[1] == []


@pytest.mark.parametrize("bad", [1e5, -1e5])
def test_what_one_class_does_leaves_the_others_alone(bad):
    parts = [clusters() for _ in range(6)]
    parts[2].means[parts[2].labels == 1] += bad
    found, pulled = bounded(parts, SITES)
    assert [(p.site, p.label) for p in pulled] == [("site-2", 1)]
    np.testing.assert_array_equal(found[2].of_class(0).means, parts[2].of_class(0).means)
