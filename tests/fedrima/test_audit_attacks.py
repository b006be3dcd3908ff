"""Attacks on made-up numbers whose answer is known."""

import numpy as np
import pytest

from fedrima.attacks import Inversion, Pool, inversion, membership

WIDTH = 6


def pool(values: np.ndarray, name: str, eyes: int = 2) -> Pool:
    """Return eyes of one class, so many a patient."""
    number = len(values)
    labels = np.zeros(number, dtype=np.int64)
    return Pool(values, labels, [f"{name}{row // eyes}" for row in range(number)])


def scores(shift: float, number: int = 400) -> tuple[Pool, Pool]:
    random = np.random.default_rng(0)
    trained, unseen = random.standard_normal(number) + shift, random.standard_normal(number)
    return pool(trained, "t"), pool(unseen, "u")


def test_scores_of_one_kind_tell_nothing() -> None:
    found = membership(*scores(0.0), 200, np.random.default_rng(1))
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.5 < found.high
    assert found.high - found.low < 0.15


def test_shifted_normal_scores_have_the_known_auc() -> None:
    """Two normal distributions one standard deviation apart: the AUC is Phi(1 / sqrt 2) = 0.760."""
    found = membership(*scores(1.0), 200, np.random.default_rng(1))
    assert found.value == pytest.approx(0.760, abs=0.03)


def test_larger_scores_of_all_trained_eyes_tell_all_even_where_they_are_tiny() -> None:
    trained, unseen = pool(1e-300 * np.arange(11, 21), "t"), pool(1e-300 * np.arange(1, 11), "u")
    assert membership(trained, unseen, 50, np.random.default_rng(0)).value == 1.0
    assert membership(unseen, trained, 50, np.random.default_rng(0)).value == 0.0


def test_eyes_of_few_patients_have_the_wider_interval() -> None:
    random = np.random.default_rng(0)
    values = np.repeat(random.standard_normal(40), 10)
    widths = []
    for eyes in (1, 10):
        trained, unseen = pool(values[:200], "t", eyes), pool(values[200:], "u", eyes)
        found = membership(trained, unseen, 300, np.random.default_rng(1))
        assert found.low is not None
        assert found.high is not None
        widths.append(found.high - found.low)
    assert widths[1] > 2 * widths[0]


def test_without_unseen_eyes_membership_is_undefined() -> None:
    trained, unseen = scores(0.0)
    nobody = Pool(unseen.values[:0], unseen.labels[:0], [])
    assert membership(trained, nobody, 50, np.random.default_rng(0)).value is None


def attacked(prototypes: np.ndarray, number: int = 60) -> Inversion:
    random = np.random.default_rng(2)
    trained = pool(random.standard_normal((number, WIDTH)), "t", 1)
    unseen = pool(random.standard_normal((number, WIDTH)), "u", 1)
    labels = np.zeros(len(prototypes), dtype=np.int64)
    found = inversion(prototypes, labels, trained, unseen, 100, np.random.default_rng(0))
    assert found is not None
    return found


def test_copies_of_trained_eyes_are_nearest_to_trained_eyes() -> None:
    copies = np.random.default_rng(2).standard_normal((60, WIDTH))
    found = attacked(copies)
    assert found.nearest_is_trained.value is not None
    assert found.nearest_is_trained.value > 0.75  # a draw with replacement leaves 37 % out
    assert found.distance_trained.value is not None
    assert found.distance_unseen.value is not None
    assert found.distance_trained.value < 0.3 * found.distance_unseen.value


def test_prototypes_of_other_eyes_are_as_near_to_both() -> None:
    others = np.random.default_rng(7).standard_normal((60, WIDTH))
    found = attacked(others)
    assert found.nearest_is_trained.low is not None
    assert found.nearest_is_trained.high is not None
    assert found.nearest_is_trained.low < 0.5 < found.nearest_is_trained.high
    assert found.distance_trained.value == pytest.approx(found.distance_unseen.value, rel=0.1)


def test_distances_are_in_units_of_the_way_to_another_patient() -> None:
    grid = np.arange(40.0)[:, None] * 3.0

    def at(scale: float) -> Inversion:
        trained, unseen = pool(scale * grid, "t", 1), pool(scale * (grid + 1.5), "u", 1)
        random = np.random.default_rng(0)
        found = inversion(scale * grid, trained.labels, trained, unseen, 400, random)
        assert found is not None
        return found

    small, large = at(1.0), at(9.0)
    assert small.distance_unseen.low == 0.5  # 1.5 of the 3.0 between patients
    assert small.distance_unseen.value == pytest.approx(large.distance_unseen.value)


def test_a_class_of_one_patient_cannot_be_compared() -> None:
    values = np.random.default_rng(0).standard_normal((4, WIDTH))
    trained, unseen = pool(values, "t", 1), pool(values, "u", 4)
    random = np.random.default_rng(0)
    assert inversion(values, trained.labels, trained, unseen, 10, random) is None
