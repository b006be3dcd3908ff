"""The block between the modalities, where the truth is known."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from benchmarks.joint_head import BLOCKS, CLASSES, Eyes, area, coupled, scores


def eyes(seed: int, each: int = 12) -> Eyes:
    """Draw eyes whose second modality repeats the first one, turned."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(CLASSES), each)
    x = random.normal(size=(len(labels), 5)) + labels[:, None] * [1.0, 0.5, 0, 0, 0]
    y = x[:, ::-1] + 0.1 * random.normal(size=x.shape)
    return Eyes(x, y, labels)


def test_partners_near_what_is_expected_give_the_true_block():
    random = np.random.default_rng(0)
    x = random.normal(size=(60, 4))
    labels = np.repeat([0, 1], 30)
    weight = np.diag([1.0, -2.0, 0.5, 1.0])
    shuffled = random.permutation(60)
    found = coupled((x, labels), ((x @ weight.T)[shuffled], labels[shuffled]), weight)
    np.testing.assert_allclose(found, x.T @ x @ weight.T / 60, atol=0.2)


def test_the_score_is_that_of_scikit_learn_where_two_classes_are_all():
    random = np.random.default_rng(1)
    labels = random.integers(0, 2, 200)
    given = random.normal(size=(200, 2)) + np.eye(2)[labels]
    assert area(given, labels) == pytest.approx(roc_auc_score(labels, given[:, 1] - given[:, 0]))


def test_every_block_is_scored():
    groups = {"tertiary": 2, "community": 2, "imaging-centre": 2, "unseen": 1}
    drawn = {g: [eyes(10 * i + n) for n in range(k)] for i, (g, k) in enumerate(groups.items())}
    found = scores(drawn)
    assert set(found) == set(BLOCKS)
    assert all(0.5 < value <= 1.0 for value in found.values())
