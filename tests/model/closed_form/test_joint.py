"""The head over both modalities against pooled solutions, and by conditioning."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge

from model.closed_form import BothSums, ClassSums, CrossSums, solve_head, solve_joint
from model.closed_form.discriminant import VARIANCE_FLOOR

DX, DY = 4, 3
NONE = (1e-12, 1e-12)


def eyes(seed, counts, offset=0.0):
    """Draw correlated features of both modalities; class ``k`` is shifted in both."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    common = random.normal(size=(len(labels), 1))
    x = random.normal(size=(len(labels), DX)) + common + offset
    y = random.normal(size=(len(labels), DY)) + 1.5 * common - offset
    x[:, 0] += labels
    y[:, 1] -= 0.7 * labels
    return x, y, labels


def sums(drawn, classes=2):
    x, y, labels = drawn
    alone = [ClassSums.of(values, labels, classes) for values in (x, y)]
    return BothSums(*alone, CrossSums.of(x, y, labels, classes))


def joint(groups, ridges=NONE, x=(), y=()):
    """Solve for the head where the groups own both; `x` and `y` are sums of sites with one modality."""
    return solved(groups, ridges, x, y).head


def solved(groups, ridges=NONE, x=(), y=(), slopes=(1.0, 1.0), share=1.0):
    own = [
        {name: [getattr(site, modality) for site in sites] for name, sites in groups.items()}
        for modality in ("x", "y")
    ]
    for found, others in zip(own, (x, y), strict=True):
        found.update({f"other {i}": [one] for i, one in enumerate(others)})
    heads = [solve_head(of, ridge) for of, ridge in zip(own, ridges, strict=True)]
    heads = [replace(head, slope=slope) for head, slope in zip(heads, slopes, strict=True)]
    return solve_joint(*own, groups, heads, share)


def test_where_all_own_both_it_is_the_linear_discriminant_of_scikit_learn():
    drawn = eyes(0, [60, 50, 40])
    head = joint({"one": [sums(drawn, 3)]})
    features = np.hstack(drawn[:2])
    oracle = LinearDiscriminantAnalysis(solver="lsqr").fit(features, drawn[2])
    ours = features @ head.weight.T + head.bias
    theirs = features @ oracle.coef_.T + oracle.intercept_ - np.log(oracle.priors_)
    centred = [values - values.mean(axis=1, keepdims=True) for values in (ours, theirs)]
    np.testing.assert_allclose(*centred, atol=1e-7)


def test_of_many_sites_it_is_the_head_of_pooled_features_side_by_side():
    drawn = [eyes(1, [30, 8], 3.0), eyes(2, [5, 25], -2.0), eyes(3, [20, 20])]
    found = joint({"one": [sums(site) for site in drawn]})
    pooled = [ClassSums.of(np.hstack(site[:2]), site[2], 2) for site in drawn]
    expected = solve_head({"one": pooled}, ridge=1e-12)
    direction, oracle = (head.weight[1] - head.weight[0] for head in (found, expected))
    np.testing.assert_allclose(
        direction / np.linalg.norm(direction), oracle / np.linalg.norm(oracle), atol=1e-7
    )


def test_given_one_modality_it_is_that_modalitys_head():
    """What is missing is put in by its expectation given the other: Gaussian conditioning."""
    own = sums(eyes(4, [70, 50]))
    found = solved({"one": [own]}, ridges=(0.5, 2.0), slopes=(0.6, 0.9))
    of_x, of_y = found.head.weight[:, :DX], found.head.weight[:, DX:]
    alone = [solve_head({"one": [one]}, r).weight for one, r in ((own.x, 0.5), (own.y, 2.0))]
    np.testing.assert_allclose(of_x + of_y @ found.x_to_y.weight, 0.6 * alone[0], atol=1e-9)
    np.testing.assert_allclose(of_y + of_x @ found.y_to_x.weight, 0.9 * alone[1], atol=1e-9)


def test_of_modalities_that_have_nothing_in_common_it_is_the_product_of_their_heads():
    drawn = [sums(eyes(40 + i, [30, 30], i)) for i in range(3)]
    apart = [replace(own, cross=replace(own.cross, scatter=0 * own.cross.scatter)) for own in drawn]
    groups = {str(i): [own] for i, own in enumerate(apart)}
    heads = [
        solve_head({name: [getattr(own, m) for own in owns] for name, owns in groups.items()})
        for m in ("x", "y")
    ]
    found = solved(groups, [head.ridge for head in heads], slopes=[head.slope for head in heads])
    product = np.hstack([head.weight for head in heads])
    ratio = found.head.weight / product
    np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-9)
    assert heads[0].slope != pytest.approx(heads[1].slope)


def test_predictors_are_the_ridge_regression_of_pooled_features_within_classes():
    drawn = [eyes(31, [30, 8], 3.0), eyes(32, [5, 25], -2.0)]
    found = solved({"one": [sums(site) for site in drawn]}, ridges=(0.5, 2.0)).x_to_y
    x, y = (
        np.concatenate(
            [
                site[m][site[2] == k] - site[m][site[2] == k].mean(0)
                for site in drawn
                for k in (0, 1)
            ]
        )
        for m in (0, 1)
    )
    n, variances = len(x), (x**2).mean(0)
    penalty = 0.5 * (variances + VARIANCE_FLOOR * variances.mean())
    oracle = Ridge(alpha=n, fit_intercept=False).fit(x / np.sqrt(penalty), y)
    np.testing.assert_allclose(found.weight, oracle.coef_ / np.sqrt(penalty), atol=1e-9)


def test_a_predictor_expects_the_mean_of_the_mean():
    """At one site with even classes, of the mean photograph it expects the mean scan."""
    drawn = eyes(33, [40, 40], 2.0)
    found = solved({"one": [sums(drawn)]}, ridges=(0.5, 2.0))
    np.testing.assert_allclose(
        found.x_to_y.weight @ drawn[0].mean(0) + found.x_to_y.bias, drawn[1].mean(0), atol=1e-9
    )
    np.testing.assert_allclose(
        found.y_to_x.weight @ drawn[1].mean(0) + found.y_to_x.bias, drawn[0].mean(0), atol=1e-9
    )


def test_the_blocks_are_of_all_who_own_them():
    drawn, photographs = eyes(5, [30, 40]), eyes(6, [300, 200])
    more = [ClassSums.of(photographs[0], photographs[2], 2)]
    head = joint({"one": [sums(drawn)]}, x=more)
    x, y, labels = drawn

    def within(values, labels):
        return np.concatenate([values[labels == k] - values[labels == k].mean(0) for k in (0, 1)])

    own = within(x, labels), within(y, labels)
    all_x = np.concatenate([own[0], within(photographs[0], photographs[2])])
    across = own[0].T @ own[1] / len(labels)
    covariance = np.block(
        [[all_x.T @ all_x / len(all_x), across], [across.T, own[1].T @ own[1] / len(labels)]]
    )
    assert np.linalg.eigvalsh(covariance).min() > 0
    direction = np.linalg.solve(covariance, _effect(more[0], sums(drawn)))
    np.testing.assert_allclose(head.weight[1] - head.weight[0], direction, atol=1e-8)


def _effect(other, own):
    """What the second class differs by: of x, means over sites by n0 n1 / n, as least squares do."""
    gaps = [site.means[1] - site.means[0] for site in (other, own.x)]
    weights = [np.prod(site.counts) / site.counts.sum() for site in (other, own.x)]
    return np.concatenate(
        [np.average(gaps, axis=0, weights=weights), own.y.means[1] - own.y.means[0]]
    )


def test_a_covariance_that_no_features_have_is_replaced_by_the_nearest_that_some_have():
    """Of two eyes the block between is far larger than the blocks of the many allow."""
    few, many = eyes(8, [2, 2]), eyes(9, [200, 200])
    head = joint(
        {"one": [sums(few)]},
        ridges=(0.1, 0.1),
        x=[ClassSums.of(0.1 * many[0], many[2], 2)],
        y=[ClassSums.of(0.1 * many[1], many[2], 2)],
    )
    assert np.isfinite(head.weight).all()


def test_the_order_of_sites_does_not_matter_and_one_that_leaves_leaves_nothing():
    a, b, c = (sums(eyes(seed, [20, 20], seed)) for seed in (10, 11, 12))
    groups = {"a": [a], "b": [b], "c": [c]}
    turned = joint(dict(reversed(groups.items())), (1.0, 1.0))
    np.testing.assert_allclose(joint(groups, (1.0, 1.0)).weight, turned.weight, atol=1e-12)
    del groups["c"]
    np.testing.assert_array_equal(
        joint(groups, (1.0, 1.0)).weight, joint({"a": [a], "b": [b]}, (1.0, 1.0)).weight
    )


def test_slopes_make_scores_log_odds():
    drawn = [eyes(20 + i, [400, 400]) for i in range(3)]
    head = joint({str(i): [sums(site)] for i, site in enumerate(drawn)})
    x, y, labels = eyes(30, [20000, 20000])
    score = np.hstack([x, y]) @ (head.weight[1] - head.weight[0])
    gap = score[labels == 1].mean() - score[labels == 0].mean()
    variance = (score[labels == 1].var() + score[labels == 0].var()) / 2
    assert gap / variance == pytest.approx(1.0, abs=0.1)


def test_what_is_believed_of_the_block_between_is_what_helps_at_sites_left_out():
    many = {str(i): [sums(eyes(50 + i, [200, 200]))] for i in range(3)}
    assert solved(many, share=None).share == 1.0
    random = np.random.default_rng(0)
    noise = random.normal(size=(DX, DY)) * 400
    spoiled = [
        replace(own[0], cross=replace(own[0].cross, scatter=sign * noise))
        for sign, own in zip((1, -1, 1), many.values(), strict=True)
    ]
    assert solved({str(i): [own] for i, own in enumerate(spoiled)}, share=None).share < 1.0
    alone = solved({"one": many["0"]}, share=None)
    assert alone.share == 0.0
    assert not alone.x_to_y.weight.any()
