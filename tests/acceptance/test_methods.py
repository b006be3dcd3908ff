"""Every preset runs from end to end; those that say they share a phase share its bytes."""

import csv

import numpy as np
import pytest

from fed.schedule import schedule
from fed.storage import read_tensors
from server.observers import Observer
from tests.acceptance.methods import PRESETS, small, train

WITH_THE_FIRST_PHASE_OF_FEDRIMA = (
    "anchored",
    "class_mean",
    "concat_fusion",
    "experts",
    "labelled_transport",
    "nearest_anchor",
    "no_bank",
    "no_label",
    "no_plan",
    "no_predictors",
    "pairs_only",
    "regression",
    "rima_at_both",
    "true_pairs",
    "zero_fill",
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return folder and results of a method's run, which is made once."""
    runs = {}

    def get(method):
        if method not in runs:
            folder = tmp_path_factory.mktemp(method)
            runs[method] = folder, train(small(method), folder)
        return runs[method]

    return get


@pytest.mark.parametrize("method", PRESETS)
def test_every_preset_runs_from_end_to_end(method, finished):
    folder, results = finished(method)
    assert results["method"] == method
    assert results["rounds_completed"] == len(schedule(small(method)))
    assert results["failures"] == []
    for part, metric in (("held_out", "auc"), ("validation", "accuracy")):
        scores = results[part]["pooled"]
        assert all(0 <= scores[c][metric]["value"] <= 1 for c in ("both", "fundus", "oct"))
    with (folder / "predictions.csv").open() as file:
        rows = [(float(row["p_0"]), float(row["p_1"])) for row in csv.DictReader(file)]
    np.testing.assert_allclose(np.sum(rows, axis=1), 1.0)


@pytest.mark.parametrize("method", WITH_THE_FIRST_PHASE_OF_FEDRIMA)
def test_methods_share_the_first_phase_bit_for_bit(method, finished):
    ours, fedrimas = (
        read_tensors(finished(name)[0] / "model.safetensors") for name in (method, "fedrima")
    )
    names = [n for n in fedrimas if n.split(".")[0].endswith(("_encoder", "_head"))]
    assert len(names) > 20
    for name in names:
        np.testing.assert_array_equal(ours[name], fedrimas[name], err_msg=name)


@pytest.mark.parametrize("method", ["fedadam", "fedbn", "local", "scaffold"])
def test_an_interrupted_run_resumes_to_the_same_bytes(method, finished, tmp_path):
    class Interrupt(Observer):
        def round_ended(self, record):
            if record.round == 1:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(small(method), tmp_path, Interrupt())
    train(small(method), tmp_path)
    for name in ("predictions.csv", "model.safetensors"):
        assert (tmp_path / name).read_bytes() == (finished(method)[0] / name).read_bytes()


def test_a_site_alone_is_judged_on_what_it_owns_and_the_models_apart(finished):
    folder, results = finished("local")
    with (folder / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    answered = {condition: set() for condition in ("both", "fundus", "oct")}
    for row in rows:
        answered[row["condition"]].add(row["model"])
    assert answered["fundus"] == {"clinic", "hospital"}
    assert answered["oct"] == {"hospital", "imaging"}
    assert answered["both"] == {"clinic", "hospital", "imaging"}
    correct = {
        model: np.mean(
            [
                (float(row["p_1"]) > float(row["p_0"])) == (row["label"] == "1")
                for row in rows
                if row["model"] == model and row["condition"] == "fundus"
            ]
        )
        for model in answered["fundus"]
    }
    value = results["held_out"]["pooled"]["fundus"]["accuracy"]["value"]
    assert value == pytest.approx(np.mean(list(correct.values())))


def test_pooling_brings_all_cases_to_one_site_and_completes_them_if_asked(finished):
    def training(method):
        cards = [card for card in finished(method)[1]["sites"] if card["role"] == "train"]
        return {
            condition: np.sum([card["cases"][condition] for card in cards], axis=0)
            for condition in ("both", "fundus", "oct")
        }

    apart, pooled, complete = map(training, ("fedrima", "pooled_incomplete", "pooled"))
    for condition, counts in apart.items():
        np.testing.assert_array_equal(pooled[condition], counts)
    np.testing.assert_array_equal(complete["both"], sum(apart.values()))
    assert complete["fundus"].sum() == complete["oct"].sum() == 0
