"""Metrics against scikit-learn and cases computed by hand."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from fed.errors import ConfigError
from fed.metrics import Metric, bootstrap, confusion, evaluate, metric, names, reliability
from tests.fed.grading import graded

TOLERANCE = 1e-9


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(6, 120),
    classes=st.integers(3, 6),
    seed=st.integers(0, 10**6),
    ties=st.booleans(),
)
def test_equals_scikit_learn(n, classes, seed, ties):
    labels, p = graded(n, classes, seed, ties)
    predicted = p.argmax(axis=1)
    every = list(range(classes))
    expected = {
        "auc": sk.roc_auc_score(labels, p, multi_class="ovr", average="macro", labels=every),
        "balanced_accuracy": sk.balanced_accuracy_score(labels, predicted),
        "accuracy": sk.accuracy_score(labels, predicted),
        "f1_macro": sk.f1_score(labels, predicted, average="macro"),
        "f1_weighted": sk.f1_score(labels, predicted, average="weighted"),
        "kappa": sk.cohen_kappa_score(labels, predicted),
        "qwk": sk.cohen_kappa_score(labels, predicted, weights="quadratic"),
        "sensitivity": sk.recall_score(labels, predicted, average="macro"),
        "specificity": np.mean(
            [sk.recall_score(labels != k, predicted != k, pos_label=True) for k in every]
        ),
        "nll": sk.log_loss(labels, p, labels=every),
        "brier": sk.brier_score_loss(labels, p, labels=every),
    }
    found = evaluate(labels, p)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=TOLERANCE), name


def test_two_classes_equal_the_binary_functions_of_scikit_learn():
    labels, p = graded(80, 2, 3)
    found = evaluate(labels, p)
    assert found["auc"] == pytest.approx(sk.roc_auc_score(labels, p[:, 1]), abs=TOLERANCE)
    assert found["brier"] == pytest.approx(sk.brier_score_loss(labels, p[:, 1]), abs=TOLERANCE)
    assert found["nll"] == pytest.approx(sk.log_loss(labels, p[:, 1]), abs=TOLERANCE)


@pytest.mark.parametrize("only", [0, 1])
def test_of_two_classes_sensitivity_and_specificity_are_those_of_the_second(only):
    labels, p = graded(90, 2, 11, skill=0.8)  # as `label: dme`: healthy or not
    p = np.column_stack([p[:, 0] + 0.1, p[:, 1] - 0.1])
    predicted = p.argmax(axis=1)
    found = evaluate(labels, p)
    sensitivity = sk.recall_score(labels, predicted, pos_label=1)
    specificity = sk.recall_score(labels, predicted, pos_label=0)
    assert found["sensitivity"] == pytest.approx(sensitivity, abs=TOLERANCE)
    assert found["specificity"] == pytest.approx(specificity, abs=TOLERANCE)
    assert abs(sensitivity - specificity) > 0.05
    assert found["balanced_accuracy"] == pytest.approx((sensitivity + specificity) / 2)
    alone = evaluate(labels[labels == only], p[labels == only])
    assert (alone["sensitivity"] is None) == (only == 0)
    assert (alone["specificity"] is None) == (only == 1)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(6, 120), seed=st.integers(0, 10**6), ties=st.booleans())
def test_sensitivity_at_90_is_read_off_the_curve_of_scikit_learn(n, seed, ties):
    labels, p = graded(n, 2, seed, ties)
    false, true, _ = sk.roc_curve(labels, p[:, 1], drop_intermediate=False)
    expected = true[false <= 0.1 + TOLERANCE].max()
    assert evaluate(labels, p)["sensitivity_at_90"] == pytest.approx(expected, abs=TOLERANCE)


def test_what_is_a_mean_over_classes_is_called_one():
    for name in ("sensitivity", "specificity"):
        assert "macro" in metric(name).titled(4)
        assert "macro" not in metric(name).titled(2)


def test_all_metrics_of_the_contract_are_there():
    contract = "auc balanced_accuracy accuracy f1_macro f1_weighted kappa qwk"
    contract += " specificity sensitivity ece nll brier aurc e_aurc sensitivity_at_90"
    assert sorted(contract.split()) == list(names()) == list(evaluate(*graded(30, 4, 0)))
    assert all(metric(name).titled(4) and metric(name).explained(4) for name in names())


class Hits(Metric):
    """A metric of one's own."""

    def __call__(self, sample):
        return sample.hits.sum(axis=0)


def test_a_metric_of_ones_own_goes_wherever_names_do():
    labels, p = graded(30, 3, 2)
    own = f"{__name__}:Hits"
    found = evaluate(labels, p, [own, "accuracy"])
    assert found[own] == pytest.approx(30 * found["accuracy"])
    random = np.random.default_rng(0)
    low, high = bootstrap(labels, p, range(30), ["a"] * 30, [own], 50, random)[own]
    assert low < found[own] < high
    assert metric(own).titled(3) == "Hits"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("acuracy", "did you mean 'accuracy'"),
        ("_sample", "no metric '_sample'"),
        ("no.such.module:Mine", "No module named 'no'"),
        ("fed.errors:Mine", "has no attribute 'Mine'"),
        ("fed.errors:DataError", "a subclass of fed.metrics.Metric"),
    ],
)
def test_an_unknown_metric_is_refused_by_name(name, words):
    with pytest.raises(ConfigError, match=words):
        evaluate(*graded(30, 3, 2), [name])


def test_an_absent_class_is_left_out_of_the_averages():
    labels, p = graded(90, 4, 5)
    kept = labels != 2
    labels, p = labels[kept], p[kept]
    found = evaluate(labels, p)
    areas = [sk.roc_auc_score(labels == k, p[:, k]) for k in (0, 1, 3)]
    assert found["auc"] == pytest.approx(np.mean(areas), abs=TOLERANCE)
    recall = sk.recall_score(labels, p.argmax(axis=1), labels=[0, 1, 3], average="macro")
    assert found["sensitivity"] == found["balanced_accuracy"] == pytest.approx(recall)


def test_grades_keep_their_distance_when_one_between_is_absent():
    labels = np.array([0, 0, 2, 2])
    p = np.array([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8], [0.1, 0.1, 0.8], [0.1, 0.1, 0.8]])
    # observed disagreement 4; expected 4 x (2 x 3 + 2 x 1) / 4 = 8
    assert evaluate(labels, p)["qwk"] == pytest.approx(1 - 4 / 8)


def test_one_class_only_is_undefined_never_zero():
    _, p = graded(20, 3, 0)
    found = evaluate(np.ones(20, dtype=int), p)
    assert found["auc"] is None
    assert found["kappa"] is None
    assert found["qwk"] is None
    assert found["accuracy"] is not None


def test_no_cases_and_probabilities_that_are_not_finite_have_no_metrics():
    empty = evaluate(np.array([], dtype=int), np.zeros((0, 3)))
    labels, p = graded(20, 3, 0)
    p[4, 1] = np.nan
    assert empty == evaluate(labels, p) == dict.fromkeys(names())


def test_rounding_to_single_precision_raises_no_warning():
    labels, p = graded(50, 4, 1)
    assert None not in evaluate(labels, p.astype(np.float32)).values()


@pytest.mark.parametrize(
    ("labels", "p", "message"),
    [
        (np.array([0, 3]), np.full((2, 3), 1 / 3), r"0 \.\. 2"),
        (np.array([0, -1]), np.full((2, 3), 1 / 3), r"0 \.\. 2"),
        (np.array([0]), np.full((2, 3), 1 / 3), r"\(1,\) and \(2, 3\)"),
    ],
)
def test_what_does_not_fit_is_refused(labels, p, message):
    with pytest.raises(ValueError, match=message):
        evaluate(labels, p)


def test_ece_by_hand():
    # Bins of 1/15: 0.62 and 0.65 share (9/15, 10/15], 0.95 is alone; 0.6 is the upper edge of
    # (8/15, 9/15].
    top = np.array([0.62, 0.65, 0.95, 0.6])
    correct = np.array([True, False, True, False])
    p = np.column_stack([top, 1 - top])
    gaps = 2 * abs(0.5 - 0.635) + abs(1 - 0.95) + abs(0 - 0.6)
    assert evaluate((~correct).astype(int), p)["ece"] == pytest.approx(gaps / 4)


def test_aurc_by_hand():
    # By falling confidence: right, wrong, right, wrong -> risks 0, 1/2, 1/3, 1/2.
    top = np.array([0.9, 0.8, 0.7, 0.6])
    labels = np.array([0, 1, 0, 1])
    found = evaluate(labels, np.column_stack([top, 1 - top]))
    aurc = (0 + 1 / 2 + 1 / 3 + 1 / 2) / 4
    assert found["aurc"] == pytest.approx(aurc)
    assert found["e_aurc"] == pytest.approx(aurc - (0.5 + 0.5 * np.log(0.5)))


def test_aurc_of_a_model_always_wrong_is_one_and_as_good_as_it_gets():
    found = evaluate(np.ones(5, dtype=int), np.tile([0.9, 0.1], (5, 1)))
    assert found["aurc"] == pytest.approx(1.0)
    assert found["e_aurc"] == pytest.approx(0.0)


def test_aurc_does_not_depend_on_the_order_of_equally_confident_cases():
    labels = np.array([0, 1, 0, 1, 1])
    p = np.tile([0.75, 0.25], (5, 1))
    assert evaluate(labels, p)["aurc"] == pytest.approx(3 / 5)
    assert evaluate(labels[::-1], p)["aurc"] == pytest.approx(3 / 5)


def test_brier_by_hand():
    p = np.array([[0.5, 0.3, 0.2], [0.0, 1.0, 0.0]])
    assert evaluate(np.array([0, 1]), p)["brier"] == pytest.approx((0.25 + 0.09 + 0.04) / 2)
    two = np.array([[0.7, 0.3]])
    assert evaluate(np.array([0]), two)["brier"] == pytest.approx(0.09)


def test_confusion_equals_scikit_learn():
    labels, p = graded(60, 5, 2)
    expected = sk.confusion_matrix(labels, p.argmax(axis=1), labels=range(5))
    assert np.array_equal(confusion(labels, p), expected)


def test_reliability_bins_hold_every_case_and_give_the_ece():
    labels, p = graded(200, 4, 9)
    bins = reliability(labels, p, bins=15)
    assert bins.counts.sum() == 200
    assert np.isnan(bins.accuracy[bins.counts == 0]).all()
    gaps = np.nansum(bins.counts * np.abs(bins.accuracy - bins.confidence)) / 200
    assert gaps == pytest.approx(evaluate(labels, p)["ece"])
