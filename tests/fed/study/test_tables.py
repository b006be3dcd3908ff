from statistics import pstdev

import pytest

from fed.config.study import Endpoint
from fed.study.rows import POOLED, Row
from fed.study.tables import (
    OVER_SEEDS,
    OVER_SETTINGS,
    comparisons,
    endpoint,
    overall,
    pairs,
    ranking,
    summaries,
)


def rows(values, metric="auc", setting="as configured"):
    """Return rows from ``{method: {seed: {site: value}}}``."""
    return [
        Row(method, seed, setting, site, "both", metric, value)
        for method, seeds in values.items()
        for seed, sites in seeds.items()
        for site, value in sites.items()
    ]


TWO = rows(
    {
        "a": {100: {POOLED: 0.8, "x": 0.7, "y": 0.9}, 101: {POOLED: 0.6, "x": 0.5, "y": 0.9}},
        "b": {100: {POOLED: 0.9, "x": 0.6, "y": 1.0}, 101: {POOLED: 0.8, "x": 0.7, "y": 1.0}},
    }
)


def test_worst_site_and_spread_beside_the_mean():
    found = summaries(TWO)[0]
    assert found.pooled.mean == pytest.approx(0.7)
    assert found.worst_site == pytest.approx(0.6)  # of 0.7 and 0.5
    assert found.site_spread == pytest.approx(0.15)  # of 0.1 and 0.2


def test_the_worst_site_of_an_error_is_the_highest():
    found = summaries(rows({"a": {1: {POOLED: 0.2, "x": 0.1, "y": 0.3}}}, metric="ece"))[0]
    assert found.worst_site == 0.3


def test_comparison_is_paired_by_seed_and_by_site():
    (found,) = comparisons(TWO, "a")
    assert (found.method, found.against) == ("b", "a")
    assert found.pooled.mean == pytest.approx(0.15)  # 0.1 and 0.2
    assert found.by_site.mean == pytest.approx(0.075)  # means over sites of 0.0 and 0.15
    assert (found.sites_better, found.sites) == (3, 4)


def test_an_error_is_better_when_lower():
    low = rows({"a": {1: {POOLED: 0.3, "x": 0.3}}, "b": {1: {POOLED: 0.2, "x": 0.2}}}, metric="ece")
    (found,) = comparisons(low, "a")
    assert (found.sites_better, found.sites) == (1, 1)


def test_seeds_that_one_of_them_lacks_are_left_out():
    more = TWO + rows({"b": {102: {POOLED: 0.1}}})
    assert comparisons(more, "a")[0].pooled.n == 2


def test_one_method_is_compared_over_settings():
    both = rows({"a": {1: {POOLED: 0.8}, 2: {POOLED: 0.8}}}, setting="lr=1") + rows(
        {"a": {1: {POOLED: 0.9}, 2: {POOLED: 0.9}}}, setting="lr=2"
    )
    (found,) = comparisons(both, "lr=1")
    assert (found.setting, found.against) == ("lr=2", "lr=1")
    assert found.pooled.mean == pytest.approx(0.1)


def test_each_metric_is_corrected_for_its_own_comparisons():
    random = [(0.10, 0.13), (0.02, 0.05)]
    values = {
        "a": {1: {POOLED: 0.5}, 2: {POOLED: 0.5}},
        "b": {1: {POOLED: 0.5 + random[0][0]}, 2: {POOLED: 0.5 + random[0][1]}},
        "c": {1: {POOLED: 0.5 + random[1][0]}, 2: {POOLED: 0.5 + random[1][1]}},
    }
    auc, nll = rows(values), rows({name: values[name] for name in "ab"}, metric="nll")
    found = {(c.method, c.metric): c for c in comparisons(auc + nll, "a")}
    assert found["b", "auc"].p_holm == pytest.approx(2 * found["b", "auc"].pooled.p)
    assert found["b", "nll"].p_holm == found["b", "nll"].pooled.p


def test_ranking_averages_conditions_and_puts_the_best_first():
    found = ranking([*TWO, Row("a", 100, "as configured", POOLED, "oct", "auc", 0.0)], "auc")
    assert [arm[0] for arm, _ in found] == ["b", "a"]
    assert found[1][1].mean == pytest.approx((0.4 + 0.6) / 2)


def test_the_endpoint_is_the_mean_over_conditions_paired_by_seed():
    table = [
        Row(method, seed, "s", site, condition, "auc", value)
        for method, seed, condition, value in (
            ("a", 200, "both", 0.9), ("a", 200, "oct", 0.7), ("a", 201, "both", 0.8),
            ("a", 201, "oct", 0.8), ("b", 200, "both", 0.8), ("b", 200, "oct", 0.6),
            ("b", 201, "both", 0.5), ("b", 201, "oct", 0.7), ("b", 202, "both", 0.1),
        )
        for site in (POOLED, "x")
    ]  # fmt: skip
    found = endpoint(table, Endpoint(method="a", against="b"))["s"]
    assert (found.n, found.mean) == (2, pytest.approx((0.1 + 0.2) / 2))


def test_an_endpoint_over_settings_is_their_mean_with_both_intervals():
    table = [
        Row(method, seed, setting, POOLED, "oct", "auc", value)
        for method, seed, setting, value in (
            ("a", 200, "s", 0.9), ("a", 201, "s", 0.8), ("a", 200, "t", 0.7), ("a", 201, "t", 0.8),
            ("b", 200, "s", 0.8), ("b", 201, "s", 0.8), ("b", 200, "t", 0.7), ("b", 201, "t", 0.5),
            ("b", 202, "t", 0.1),
        )
    ]  # fmt: skip
    found = endpoint(table, Endpoint(method="a", against="b", over_settings=True))
    seeds, settings = found[OVER_SEEDS], found[OVER_SETTINGS]
    assert (seeds.n, settings.n) == (2, 2)
    assert seeds.mean == settings.mean == pytest.approx(0.1)
    assert seeds.sd == pytest.approx(pstdev([0.05, 0.15]) * 2**0.5)  # (0.1 + 0) / 2, (0 + 0.3) / 2
    assert settings.sd == pytest.approx(
        pstdev([0.05, 0.15]) * 2**0.5
    )  # (0.1 + 0) / 2, (0 + 0.3) / 2
    mean, against_itself = overall(table, "auc", "b")["b"]
    assert mean.mean == pytest.approx((0.8 + 0.8 + 0.7 + 0.5) / 4)
    assert against_itself[OVER_SEEDS].mean == 0


def test_pairs_are_corrected_together_and_those_not_run_are_left_out():
    values = {
        "a": {1: {POOLED: 0.5}, 2: {POOLED: 0.5}},
        "b": {1: {POOLED: 0.6}, 2: {POOLED: 0.63}},
        "c": {1: {POOLED: 0.52}, 2: {POOLED: 0.58}},
    }
    found = pairs(rows(values), [("b", "a"), ("c", "b"), ("d", "a")], ["auc"])
    assert [(c.method, c.against) for c in found] == [("b", "a"), ("c", "b")]
    assert found[0].pooled.mean == pytest.approx(0.115)
    assert found[0].p_holm == pytest.approx(2 * found[0].pooled.p)
