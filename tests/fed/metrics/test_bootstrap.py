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
    resamples,
)
from tests.fed.grading import graded


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def interval(labels, p, patients, sites=None, metrics=("accuracy",), replicates=300, seed=0):
    """Return the intervals, of one site where no others are told."""
    sites = ["here"] * len(labels) if sites is None else sites
    return bootstrap(labels, p, patients, sites, metrics, replicates, rng(seed))


def width(*arguments, **named):
    low, high = interval(*arguments, **named)["accuracy"]
    return high - low


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("classes", [2, 4])
def test_a_replicate_equals_the_metrics_of_the_cases_drawn(classes, ties):
    labels, p = graded(60, classes, 7, ties)
    (weights,) = resamples(np.arange(60) // 2, np.arange(60) // 20, 25, rng())
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


def test_patients_are_drawn_whole_and_of_one_site_as_by_numpy():
    (weights,) = resamples(np.arange(14) // 2, ["a"] * 14, 50, rng())
    assert (weights[0::2] == weights[1::2]).all()
    drawn = rng().integers(7, size=(50, 7))
    for weight, row in zip(weights[0::2].T, drawn, strict=True):
        assert (weight == np.bincount(row, minlength=7)).all()


def test_sites_are_drawn_and_within_them_patients():
    sites = ["a"] * 6 + ["b"] * 4 + ["c"] * 2
    patients = [n // 2 for n in range(12)]
    weights = np.hstack(list(resamples(patients, sites, 4000, rng())))
    assert (weights[0::2] == weights[1::2]).all()  # eyes of one patient go together
    by_site = np.array([weights[:6].sum(0) / 6, weights[6:10].sum(0) / 4, weights[10:].sum(0) / 2])
    assert set(np.unique(by_site)) == {0.0, 1.0, 2.0, 3.0}  # whole sites, as often as drawn
    assert (by_site.sum(axis=0) == 3).all()
    assert by_site.mean(axis=1) == pytest.approx(np.ones(3), abs=0.05)
    assert by_site.var(axis=1) == pytest.approx(np.full(3, 2 / 3), abs=0.05)
    assert weights[0].mean() == pytest.approx(1.0, abs=0.06)


def test_a_site_drawn_twice_has_its_patients_drawn_twice_over():
    """Of a patient of m, drawn m times k: binomial, its mean k and its variance k (m - 1) / m."""
    sites = ["a"] * 5 + ["b"] * 5
    weights = np.hstack(list(resamples(range(10), sites, 20000, rng())))
    twice = weights[:, weights[:5].sum(0) == 10]
    assert twice[:5].mean() == pytest.approx(2.0)
    assert twice[0].var() == pytest.approx(2 * 4 / 5, rel=0.05)


def test_blocks_are_those_of_one_draw(monkeypatch):
    sites = ["a"] * 6
    (whole,) = resamples(range(6), sites, 40, rng())
    monkeypatch.setattr("fed.metrics._bootstrap.BLOCK", 6 * 7)
    parts = list(resamples(range(6), sites, 40, rng()))
    assert [part.shape[1] for part in parts] == [7] * 5 + [5]
    assert (np.hstack(parts) == whole).all()


def test_cases_of_one_patient_widen_the_interval():
    labels, p = graded(60, 3, 4)
    many = np.repeat(np.arange(60), 5)
    grouped = width(labels[many], p[many], many, replicates=500)
    assert grouped > 1.7 * width(labels[many], p[many], range(300), replicates=500)


def test_sites_that_differ_widen_the_interval_and_those_alike_hardly_do():
    labels = np.zeros(400, dtype=int)
    sites = np.arange(400) // 50
    alike = np.tile([0.9, 0.1], (400, 1))
    alike[::4] = [0.1, 0.9]
    differ = np.tile([0.9, 0.1], (400, 1))
    differ[:100] = [0.1, 0.9]  # as many mistakes, all at two sites of eight
    patients = range(400)
    over_patients = width(labels, alike, patients, replicates=2000)
    assert width(labels, differ, patients, replicates=2000) == pytest.approx(over_patients, rel=0.1)
    assert width(labels, alike, patients, sites, replicates=2000) < 1.2 * over_patients
    # A share of sites: its standard error is that of 8 draws of 1 in 4.
    expected = 2 * 1.96 * np.sqrt(0.75 * 0.25 / 8)
    found = width(labels, differ, patients, sites, replicates=2000)
    assert found == pytest.approx(expected, rel=0.2)


@pytest.mark.parametrize(("sites", "least"), [(3, 0.65), (10, 0.85)])
def test_how_often_the_interval_holds_what_the_model_is_worth_at_any_site(sites, least):
    """Nominally 95 of 100. Sites differ by 8 points of accuracy; patients alone know nothing of it."""
    random, eyes, studies = rng(7), 60, 150
    labels, names = np.zeros(sites * eyes, dtype=int), np.repeat(np.arange(sites), eyes)
    held = {"sites": 0, "patients": 0}
    for study in range(studies):
        worth = np.clip(random.normal(0.75, 0.08, sites), 0, 1)
        right = random.random(len(labels)) < worth[names]
        p = np.where(right[:, None], [0.9, 0.1], [0.1, 0.9])
        for way, clusters in (("sites", names), ("patients", None)):
            found = interval(labels, p, range(len(labels)), clusters, replicates=200, seed=study)
            low, high = found["accuracy"]
            held[way] += low <= 0.75 <= high
    assert least < held["sites"] / studies < 0.99
    assert held["patients"] / studies < held["sites"] / studies - 0.1
    assert held["patients"] / studies < 0.8


def test_interval_of_accuracy_is_the_binomial_one():
    labels = np.zeros(400, dtype=int)
    p = np.tile([0.9, 0.1], (400, 1))
    p[:100] = [0.1, 0.9]
    low, high = interval(labels, p, range(400), replicates=4000)["accuracy"]
    half = 1.96 * np.sqrt(0.75 * 0.25 / 400)
    assert low == pytest.approx(0.75 - half, abs=0.006)
    assert high == pytest.approx(0.75 + half, abs=0.006)


def test_same_generator_same_intervals_and_names_of_any_type():
    labels, p = graded(50, 4, 2)
    patients = [f"patient-{i}" for i in range(50)]
    sites = [f"site-{i % 3}" for i in range(50)]
    first = interval(labels, p, patients, sites, None, 200, 3)
    assert first == interval(labels, p, patients, sites, None, 200, 3)
    assert first != interval(labels, p, patients, sites, None, 200, 4)
    assert all(low <= high for low, high in first.values())


def test_what_is_undefined_has_no_interval():
    _, p = graded(20, 3, 0)
    one_class = interval(np.zeros(20, dtype=int), p, range(20), metrics=None, replicates=50)
    undefined = {name for name, found in one_class.items() if found == (None, None)}
    values = evaluate(np.zeros(20, dtype=int), p)
    assert undefined == {name for name, value in values.items() if value is None}
    empty = interval(np.zeros(0, dtype=int), np.zeros((0, 3)), [], metrics=None, replicates=50)
    lone = interval(np.zeros(4, dtype=int), p[:4], ["a"] * 4, metrics=None, replicates=50)
    once = interval(np.zeros(20, dtype=int), p, range(20), metrics=None, replicates=1)
    for found in (empty, lone, once):
        assert set(found.values()) == {(None, None)}


@pytest.mark.parametrize(("patients", "sites"), [(19, 20), (20, 19)])
def test_a_patient_and_a_site_for_every_case(patients, sites):
    labels, p = graded(20, 3, 0)
    with pytest.raises(ValueError, match=f"20 cases expected, got {patients} and {sites}"):
        interval(labels, p, range(patients), range(sites))


def test_an_id_counts_within_its_site():
    labels, p = graded(60, 3, 4)
    sites = ["a"] * 30 + ["b"] * 30
    again = interval(labels, p, [i % 30 for i in range(60)], sites, None)
    assert again == interval(labels, p, range(60), sites, None)
