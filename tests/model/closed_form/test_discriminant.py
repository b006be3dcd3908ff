"""Heads in closed form against pooled solutions and Gaussian truths."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import roc_auc_score

from model.closed_form import ClassSums, solve_head
from model.closed_form.discriminant import LEAST_SLOPE, RIDGE_ALONE, Problem, separation, slope
from model.closed_form.sums import nearest_scatter

WIDTH = 6


def _cases(seed, counts, offset=0.0, gap=1.0):
    """Draw a site's features: class ``k`` lies at ``k * gap`` in the first direction."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    features = random.normal(size=(len(labels), WIDTH)) + offset
    features[:, 0] += gap * labels
    return features, labels


def _sums(*drawn, classes=2):
    return [ClassSums.of(features, labels, classes) for features, labels in drawn]


def test_a_single_site_gets_the_linear_discriminant_of_scikit_learn():
    features, labels = _cases(0, [40, 60, 50])
    head = solve_head({"one": _sums((features, labels), classes=3)}, ridge=1e-12)
    oracle = LinearDiscriminantAnalysis(solver="lsqr").fit(features, labels)
    ours = features @ head.weight.T + head.bias
    theirs = features @ oracle.coef_.T + oracle.intercept_ - np.log(oracle.priors_)
    np.testing.assert_allclose(
        ours - ours.mean(axis=1, keepdims=True),
        theirs - theirs.mean(axis=1, keepdims=True),
        atol=1e-8,
    )


def test_the_order_of_sites_does_not_matter():
    apart = [_cases(3, [20, 5], offset=4.0), _cases(4, [2, 30], offset=-3.0)]
    together = solve_head({"a": _sums(*apart)}, ridge=1.0)
    turned = solve_head({"a": _sums(*reversed(apart))}, ridge=1.0)
    np.testing.assert_allclose(together.weight, turned.weight, atol=1e-12)


def test_what_differs_by_site_alone_is_not_learned():
    """The class is known by the site, mostly; the offset of 50 must not become its sign."""
    sites = [_cases(5, [200, 20], offset=0.0), _cases(6, [20, 200], offset=50.0)]
    head = solve_head({"a": _sums(sites[0]), "b": _sums(sites[1])}, ridge=1.0)
    direction = head.weight[1] - head.weight[0]
    assert abs(direction[1:]).max() < 0.35 * direction[0]


def test_effects_are_those_of_least_squares_with_offsets():
    sites = [_cases(7, [9, 3, 5], 2.0), _cases(8, [2, 8, 0], -1.0), _cases(9, [0, 4, 6], 3.0)]
    design = np.zeros((sum(len(y) for _, y in sites), 5))
    start = 0
    for position, (_, labels) in enumerate(sites):
        rows = slice(start, start + len(labels))
        design[rows, position] = 1
        design[np.arange(rows.start, rows.stop), 2 + labels] += labels > 0
        start += len(labels)
    stacked = np.concatenate([features for features, _ in sites])
    effects = np.linalg.lstsq(design, stacked, rcond=None)[0][3:]
    found = Problem.of(_sums(*sites, classes=3)).effects
    np.testing.assert_allclose(found[1:] - found[0], effects, atol=1e-10)


def test_theseparation_that_the_sums_tell_is_the_area_under_the_curve():
    features, labels = _cases(10, [4000, 3000], gap=1.3)
    weight = np.zeros((2, WIDTH))
    weight[1, :2] = 2.0, 1.0
    told = separation(weight, _sums((features, labels)))
    assert told == pytest.approx(roc_auc_score(labels, features @ weight[1]), abs=0.006)
    assert told == pytest.approx(norm.cdf(1.3 * 2 / np.sqrt(2 * 5)), abs=0.01)


def testslope_makes_scores_log_odds():
    features, labels = _cases(11, [5000, 5000], gap=2.0)
    weight = np.zeros((2, WIDTH))
    weight[1, 0] = 10.0  # log-odds have slope 2 in this direction
    assert slope(weight, _sums((features, labels))) == pytest.approx(0.2, rel=0.05)


def test_the_ridge_is_chosen_at_groups_left_out():
    noisy = {g: _sums(_cases(20 + i, [12, 12], gap=1.0)) for i, g in enumerate("abc")}
    assert solve_head(noisy).ridge > 0.01
    assert solve_head({"alone": noisy["a"]}).ridge == RIDGE_ALONE
    assert solve_head(noisy, ridge=0.3).ridge == 0.3


def test_sites_of_one_class_each_are_refused():
    sites = _sums(_cases(1, [9, 0]), _cases(2, [0, 9]))
    with pytest.raises(ValueError, match="no site holds cases of two classes"):
        solve_head({"a": sites[:1], "b": sites[1:]})


def test_the_units_of_a_feature_do_not_matter():
    features, labels = _cases(12, [40, 30])
    units = np.array([1.0, 3.0, 0.5, 2.0, 1.0, 4.0])
    plain = solve_head({"a": _sums((features, labels))}, ridge=1.0)
    scaled = solve_head({"a": _sums((features * units, labels))}, ridge=1.0)
    np.testing.assert_allclose(scaled.weight * units, plain.weight, rtol=0.05, atol=0.02)


def test_a_feature_without_variance_is_given_no_weight_beyond_the_floor():
    features, labels = _cases(13, [40, 30])
    features[:, 3] = 7.0
    head = solve_head({"a": _sums((features, labels))}, ridge=1.0)
    assert np.isfinite(head.weight).all()
    assert head.weight[:, 3] == pytest.approx(0.0, abs=1e-9)


def test_the_nearest_scatter_is_the_same_where_it_is_one_and_has_no_negative_direction():
    deviations = np.random.default_rng(0).standard_normal((3, 5))
    scatter = deviations.T @ deviations  # of rank 3
    assert nearest_scatter(scatter) is scatter
    noised = np.diag([3.0, -2.0, 0.5])
    np.testing.assert_allclose(nearest_scatter(noised), np.diag([3.0, 0.0, 0.5]))


def test_a_head_that_fails_at_every_group_left_out_is_nearly_flat_and_still_ranks():
    groups = {
        "one": _sums(_cases(0, [60, 60], gap=2.0)),
        "other": _sums(_cases(1, [60, 60], gap=-1.0)),  # the classes lie the other way round
    }
    head = solve_head(groups)
    assert head.slope == LEAST_SLOPE
    features, labels = _cases(2, [200, 200], gap=2.0)
    scores = (features @ head.weight.T + head.bias) @ [-1, 1]
    assert np.abs(scores).max() < 0.05
    assert roc_auc_score(labels, scores) > 0.6
