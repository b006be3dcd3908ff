"""Bootstrap intervals: each replicate against the metrics of the resampled cases."""

import numpy as np
import pytest

from fed.metrics import (
    Sample,
    WeightedSample,
    bootstrap,
    evaluate,
    metric,
    names,
    patients_of_sites,
)
from fed.metrics._bootstrap import multiplicities
from tests.fed.grading import graded


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("classes", [2, 4])
def test_a_replicate_equals_the_metrics_of_the_cases_drawn(classes, ties):
    labels, p = graded(60, classes, 7, ties)
    owner = np.arange(60) // 2
    weights = multiplicities(30, 25, rng())[owner]
    replicates = WeightedSample(Sample(labels, p), weights)
    found = {name: metric(name)(replicates) for name in names()}
    for r in range(weights.shape[1]):
        drawn = np.repeat(np.arange(60), weights[:, r].astype(int))
        if len(np.unique(labels[drawn])) < classes:
            continue
        for name, value in evaluate(labels[drawn], p[drawn]).items():
            assert found[name][r] == pytest.approx(value, abs=1e-9), name


def test_a_replicate_that_lost_a_class_is_left_out_of_class_averages():
    labels, p = graded(40, 4, 1)
    weights = np.ones((40, 2))
    weights[labels == 3, 1] = 0
    replicates = WeightedSample(Sample(labels, p), weights)
    for name in ("auc", "balanced_accuracy", "sensitivity"):
        complete, lost = metric(name)(replicates)
        assert complete == pytest.approx(evaluate(labels, p)[name])
        assert np.isnan(lost)
    assert np.isfinite(metric("accuracy")(replicates)).all()


def test_patients_are_drawn_whole():
    drawn = multiplicities(7, 50, rng())
    assert drawn.shape == (7, 50)
    assert (drawn.sum(axis=0) == 7).all()


def test_cases_of_one_patient_widen_the_interval():
    labels, p = graded(60, 3, 4)
    many = np.repeat(np.arange(60), 5)
    grouped = bootstrap(labels[many], p[many], many, ["accuracy"], 500, rng())["accuracy"]
    apart = bootstrap(labels[many], p[many], range(300), ["accuracy"], 500, rng())["accuracy"]
    assert grouped[1] - grouped[0] > 1.7 * (apart[1] - apart[0])


def test_interval_of_accuracy_is_the_binomial_one():
    labels = np.zeros(400, dtype=int)
    p = np.tile([0.9, 0.1], (400, 1))
    p[:100] = [0.1, 0.9]
    low, high = bootstrap(labels, p, range(400), ["accuracy"], 4000, rng())["accuracy"]
    half = 1.96 * np.sqrt(0.75 * 0.25 / 400)
    assert low == pytest.approx(0.75 - half, abs=0.006)
    assert high == pytest.approx(0.75 + half, abs=0.006)


def test_same_generator_same_intervals_and_names_of_any_type():
    labels, p = graded(50, 4, 2)
    patients = [f"patient-{i}" for i in range(50)]
    first = bootstrap(labels, p, patients, None, 200, rng(3))
    assert first == bootstrap(labels, p, patients, None, 200, rng(3))
    assert first != bootstrap(labels, p, patients, None, 200, rng(4))
    assert all(low <= high for low, high in first.values())


def test_what_is_undefined_has_no_interval():
    _, p = graded(20, 3, 0)
    one_class = bootstrap(np.zeros(20, dtype=int), p, range(20), None, 50, rng())
    undefined = {name for name, interval in one_class.items() if interval == (None, None)}
    values = evaluate(np.zeros(20, dtype=int), p)
    assert undefined == {name for name, value in values.items() if value is None}
    empty = bootstrap(np.zeros(0, dtype=int), np.zeros((0, 3)), [], None, 50, rng())
    lone = bootstrap(np.zeros(4, dtype=int), p[:4], ["a"] * 4, None, 50, rng())
    assert set(empty.values()) == set(lone.values()) == {(None, None)}


def test_a_patient_for_every_case():
    labels, p = graded(20, 3, 0)
    with pytest.raises(ValueError, match="20 cases"):
        bootstrap(labels, p, range(19), None, 10, rng())


def test_an_id_counts_within_its_site():
    labels, p = graded(60, 3, 4)
    ids, sites = [str(i % 30) for i in range(60)], ["a"] * 30 + ["b"] * 30
    told_apart = bootstrap(labels, p, patients_of_sites(ids, sites), ["accuracy"], 300, rng())
    unique = bootstrap(labels, p, [f"{i:2}" for i in range(60)], ["accuracy"], 300, rng())
    mixed = bootstrap(labels, p, ids, ["accuracy"], 300, rng())
    assert told_apart != mixed
    assert len(set(patients_of_sites(ids, sites))) == 60
    width = {k: v["accuracy"][1] - v["accuracy"][0] for k, v in (("u", unique), ("t", told_apart))}
    assert width["t"] == pytest.approx(width["u"], rel=0.15)


def test_ids_that_are_unique_anyway_give_the_same_interval_with_and_without_their_sites():
    labels, p = graded(60, 3, 4)
    ids = [f"{(7 * i) % 60:02}" for i in range(60)]
    told_apart = patients_of_sites(ids, [f"site-{i % 3}" for i in range(60)])
    plain = bootstrap(labels, p, ids, None, 100, rng())
    assert plain == bootstrap(labels, p, told_apart, None, 100, rng())
