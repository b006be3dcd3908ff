"""Prediction sets at held-out hospitals: who is calibrated on, who is scored."""

import numpy as np
import pytest

from fed.config.judging import Sets
from fed.judgement import sets as module
from fed.judgement.conformal import binomial_interval
from fed.judgement.sets import prediction_sets
from tests.fed.judgement.eyes import predictions, unlike_sites, width


def generator(site, purpose):
    return np.random.default_rng([len(site), len(purpose)])


def found_of(held_out, validation=None, replicates=20, **asked):
    empty = held_out.iloc[:0]
    rows = empty if validation is None else validation
    return prediction_sets(held_out, rows, Sets(**asked), replicates, generator)


def test_calibration_eyes_are_never_scored_nor_are_other_eyes_of_their_patients(monkeypatch):
    seen = []
    original = module._by_condition

    def watched(calibration, scored, coverage):
        seen.append((calibration.copy(), scored.copy()))
        return original(calibration, scored, coverage)

    monkeypatch.setattr(module, "_by_condition", watched)
    held_out = predictions({"a": 120, "b": 90})
    found = found_of(held_out, cases=40)
    assert len(seen) == 2
    for (calibration, scored), (site, n) in zip(seen, {"a": 120, "b": 90}.items(), strict=True):
        assert set(calibration["site"]) == set(scored["site"]) == {site}
        assert not set(calibration["patient_id"]) & set(scored["patient_id"])
        assert calibration["case_id"].nunique() == 40
        assert scored["case_id"].nunique() == n - 40
        assert found.sites[site]["both"].cases == n - 40
        assert found.sites[site]["both"].calibrated_on == 40
    assert found.pooled["both"].cases == 130
    assert found.pooled["both"].calibrated_on == 80


def test_coverage_and_size_are_those_counted_by_hand():
    held_out = predictions({"a": 200}, classes=3)
    found = found_of(held_out, coverage=0.8, cases=60)
    score = found.sites["a"]["oct"]
    assert found.pooled["oct"].coverage == score.coverage
    rows = held_out[held_out["condition"] == "oct"]
    p = rows[["p_0", "p_1", "p_2"]].to_numpy()
    sets = p >= score.threshold
    sets |= p == p.max(axis=1, keepdims=True)
    holds = sets[np.arange(200), rows["label"]]
    # The threshold splits the calibration eyes exactly: 49 of 60 hold at ceil(61 * 0.8).
    covered = round(score.coverage.value * score.cases)
    assert holds.sum() - covered in (49, 50)
    assert 1 <= score.size.low < score.size.value < score.size.high <= 3


def test_the_promise_is_kept_on_average_over_hospitals_and_conditions():
    held_out = predictions({f"site-{k:02}": 140 for k in range(24)}, seed=4)
    found = found_of(held_out, replicates=0)
    assert found.by_luck.value == pytest.approx(37 / 41)
    for condition in ("both", "fundus", "oct"):
        shares = [s[condition].coverage.value for s in found.sites.values()]
        # Spread of a hospital's coverage: luck of 40 eyes and of 100 scored ones, over 24 of them.
        assert np.mean(shares) == pytest.approx(37 / 41, abs=0.035)
        assert found.pooled[condition].threshold is None


def test_federated_sets_are_calibrated_elsewhere_and_score_every_eye():
    held_out = predictions({"a": 50, "b": 60})
    training = predictions({"t": 80, "u": 30}, seed=9)
    found = found_of(held_out, training, calibrate="federated", cases=40)
    assert found.by_luck is None
    assert found.pooled["both"].cases == 110
    assert found.pooled["both"].calibrated_on == 70  # 40 of t, all 30 of u
    thresholds = {s["both"].threshold for s in found.sites.values()} | {
        found.pooled["both"].threshold
    }
    assert len(thresholds) == 1


def test_federated_sets_fail_where_the_hospital_is_not_like_the_others():
    surer = {"both": 4.0, "fundus": 4.0, "oct": 4.0}
    unlike = {"both": 0.3, "fundus": 0.3, "oct": 0.3}
    held_out = predictions({"a": 300}, skill=unlike)
    training = predictions({"t": 300}, skill=surer, seed=9)
    federated = found_of(held_out, training, calibrate="federated", cases=300)
    local = found_of(held_out, cases=100)
    assert federated.pooled["both"].coverage.high < 0.85
    assert local.pooled["both"].coverage.high > 0.85


def test_too_few_eyes_to_calibrate_on_give_sets_of_all_grades():
    found = found_of(predictions({"a": 60}), cases=8)
    score = found.pooled["fundus"]
    assert (score.threshold, score.coverage.value, score.size.value) == (0.0, 1.0, 4.0)
    assert found.by_luck.value == 1.0


def test_neither_order_of_rows_nor_other_sites_change_a_hospital():
    held_out = predictions({"a": 100, "b": 80})
    found = found_of(held_out)
    moved = held_out.sample(frac=1, random_state=3)
    assert found_of(moved).content() == found.content()
    alone = found_of(held_out[held_out["site"] == "a"])
    assert alone.sites["a"] == found.sites["a"]


def test_models_of_the_sites_own_have_no_sets():
    assert found_of(predictions({"a": 100}).assign(model="m")) is None


def test_hospitals_that_differ_widen_the_intervals_of_all_and_one_alone_has_exact_ones():
    validation = predictions({"t": 200}, seed=2)
    apart, together = (
        found_of(frame, validation, replicates=300, calibrate="federated")
        for frame in unlike_sites()
    )
    one, of_all = together.pooled["both"], apart.pooled["both"]
    assert of_all.coverage.value == one.coverage.value
    assert (one.coverage.low, one.coverage.high) == binomial_interval(
        round(360 * one.coverage.value), 360
    )
    assert width(of_all.coverage) > 2 * width(one.coverage)
    assert width(of_all.size) > width(one.size)
    assert apart.sites["a"]["both"].coverage.high > 0.85


def test_where_every_set_holds_the_truth_the_interval_is_the_exact_one():
    found = found_of(predictions({"a": 60, "b": 60}), cases=3)  # too few: sets of all grades
    coverage = found.pooled["both"].coverage
    scored = found.pooled["both"].cases
    assert (coverage.value, coverage.low) == (1.0, binomial_interval(scored, scored)[0])
