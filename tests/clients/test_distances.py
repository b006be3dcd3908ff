"""How far eyes lie from the prototypes."""

import numpy as np
import pytest
import torch

from clients.distances import distances, distances_of
from clients.grading.unlike import RARE, Unlike
from fed.prototypes import Prototypes, join, summarise
from model.rima import Features

RNG = np.random.default_rng(0)


def points(values, label=0):
    values = np.asarray(values, dtype=np.float32)
    ones = np.ones(len(values), dtype=np.float32)
    return Prototypes(np.full(len(values), label), values, np.zeros_like(values), ones)


def bank(clusters=3):
    spread = np.array([1.0, 5.0, 0.2])
    classes = [points(RNG.normal(size=(90, 3)) * spread + 4 * label, label) for label in (0, 1)]
    return join([summarise(of_class, clusters, 0) for of_class in classes]), classes


def test_the_nearest_prototype_counts_in_units_of_the_spread_within_prototypes():
    prototypes = Prototypes(
        np.array([0, 1]),
        np.array([[0.0, 0.0], [10.0, 0.0]], dtype=np.float32),
        np.array([[4.0, 1.0], [4.0, 1.0]], dtype=np.float32),
        np.array([3.0, 5.0], dtype=np.float32),
    )
    found = distances(np.array([[0.0, 0.0], [2.0, 0.0], [10.0, 3.0], [16.0, 4.0]]), prototypes)
    expected = [0.0, np.sqrt(1 / 2), np.sqrt(9 / 2), np.sqrt((9 + 16) / 2)]
    np.testing.assert_allclose(found, expected)


def test_it_is_what_a_loop_over_all_pairs_gives():
    prototypes, _ = bank()
    eyes = RNG.normal(size=(20, 3)) * 4
    weights = prototypes.counts / prototypes.counts.sum()
    scale = np.sqrt((weights[:, None] * prototypes.variances).sum(axis=0))
    expected = [
        min(np.sqrt((((x - m) / scale) ** 2).mean()) for m in prototypes.means) for x in eyes
    ]
    np.testing.assert_allclose(distances(eyes, prototypes), expected, rtol=1e-6)


def test_eyes_behind_the_prototypes_are_about_one_away_in_the_mean_of_squares():
    prototypes, classes = bank()
    behind = np.concatenate([of_class.means for of_class in classes])
    assert (distances(behind, prototypes) ** 2).mean() == pytest.approx(1, abs=0.15)


def features(fundus, has_fundus, has_oct):
    return Features(
        torch.tensor(fundus, dtype=torch.float32),
        torch.zeros(len(fundus), 2),
        torch.tensor(has_fundus),
        torch.tensor(has_oct),
    )


def test_only_eyes_that_have_a_modality_have_a_distance_to_it():
    prototypes, _ = bank()
    eyes = RNG.normal(size=(4, 3))
    given = features(eyes, [True, False, True, False], [False, True, False, True])
    found = distances_of(given, {"fundus": prototypes})
    assert set(found) == {"fundus"}
    np.testing.assert_allclose(
        found["fundus"], distances(eyes[[0, 2]].astype(np.float32), prototypes), rtol=1e-6
    )


def test_an_eye_is_unlike_if_nearly_all_held_out_eyes_are_nearer():
    prototypes = Prototypes(
        np.array([0]),
        np.zeros((1, 1), np.float32),
        np.ones((1, 1), np.float32),
        np.ones(1, np.float32),
    )
    reference = np.linspace(0, 10, 201)  # quantiles of distances spread evenly from 0 to 10
    column = Unlike({"fundus": prototypes}, {"fundus": reference})
    assert column.heads == ("fundus_farther_than", "unlike")
    eyes = [[2.5], [-9.8], [9.95], [100.0], [7.0]]
    given = features(eyes, [True, True, True, True, False], [False] * 5)
    cells = column.cells(given, ["fundus"] * 5, np.zeros((5, 2)))
    assert [row[1] for row in cells] == ["", "", "fundus", "fundus", ""]
    np.testing.assert_allclose([row[0] for row in cells[:4]], [0.25, 0.98, 0.995, 1.0], rtol=1e-6)
    assert cells[4][0] == ""
    assert 0.98 < RARE < 0.995
