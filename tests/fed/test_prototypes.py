import numpy as np

from fed.prototypes import Prototypes, join, summarise


def points(values, label=0):
    values = np.asarray(values, np.float32)
    return Prototypes(
        np.full(len(values), label), values, np.zeros_like(values), np.ones(len(values), np.float32)
    )


def test_merging_in_steps_loses_no_moment():
    values = np.random.default_rng(0).standard_normal((200, 5)) * 3 + 1
    halves = [summarise(points(values[:80]), 4, 1), summarise(points(values[80:]), 4, 2)]
    merged = summarise(join(halves), 3, 3)
    mean, std = merged.moments()
    np.testing.assert_allclose(mean, values.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(std, values.std(axis=0), rtol=1e-5)
    assert merged.counts.sum() == 200


def test_separate_groups_become_separate_prototypes():
    values = np.concatenate([np.zeros((10, 2)), np.full((30, 2), 9.0)])
    found = summarise(points(values), 2, 0)
    assert sorted(found.counts.tolist()) == [10, 30]
    np.testing.assert_allclose(sorted(found.means[:, 0]), [0, 9])
