"""A run that keeps its best round, by the validation splits."""

import json

import pytest

from server.recorder import Recorder
from tests.acceptance.federations import run, simulate, tiny

EVALUATION = {"every": 1, "bootstrap": 0, "validation": 0.3}


def federation(keep, **evaluation):
    # A rate at which rounds get worse and better again.
    training = {"rounds": 6, "batch_size": 8, "lr": 0.05, "schedule": "constant"}
    evaluation = EVALUATION | {"keep": keep} | evaluation
    return tiny(seed=1, method="fedavg", training=training, evaluation=evaluation)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    found = {}
    for keep in ("last", "best"):
        folder = tmp_path_factory.mktemp(keep)
        run(folder, federation(keep))
        found[keep] = folder / "run"
    return found


def lines(folder):
    return [json.loads(line) for line in (folder / "rounds.jsonl").read_text().splitlines()]


def validation(line):
    conditions = ("both", "fundus", "oct")
    return sum(line["validation"][c]["auc"]["value"] for c in conditions) / 3


def test_the_kept_model_has_the_scores_of_the_best_round(folders):
    results = json.loads((folders["best"] / "results.json").read_text())
    best = max(lines(folders["best"]), key=validation)
    assert best["round"] < 6, "the last round is the best: this federation tests nothing"
    assert results["kept"] == {
        "round": best["round"],
        "validation": pytest.approx(validation(best)),
        "patience": None,
    }
    for condition in ("both", "fundus", "oct"):
        final = results["held_out"]["pooled"][condition]["auc"]["value"]
        assert final == best["held_out"][condition]["auc"]["value"]
    assert results["rounds_completed"] == 6
    page = (folders["best"] / "report.html").read_text()
    assert f"Kept is the model of round {best['round']}" in page


def test_training_is_the_same_whatever_is_kept(folders):
    losses = [[line["losses"] for line in lines(folder)] for folder in folders.values()]
    assert losses[0] == losses[1]
    last, best = ((f / "model.safetensors").read_bytes() for f in folders.values())
    assert last != best
    assert json.loads((folders["last"] / "results.json").read_text())["kept"] is None


def test_interrupted_after_its_best_round_it_resumes_to_the_same_bytes(
    folders, tmp_path, monkeypatch
):
    save = Recorder.__call__

    def interrupt(self, state, ledger, record):
        save(self, state, ledger, record)
        if record.round == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(Recorder, "__call__", interrupt)
    config = folders["best"].parent / "federation.yaml"
    assert simulate(config, "--out", tmp_path / "run", "--quiet").returncode == 130
    monkeypatch.setattr(Recorder, "__call__", save)
    done = simulate("--resume", tmp_path / "run", "--quiet")
    assert done.returncode == 0, done.stderr
    for name in ("model.safetensors", "predictions.csv"):
        assert (tmp_path / "run" / name).read_bytes() == (folders["best"] / name).read_bytes()


PATIENCE = 2


@pytest.fixture(scope="module")
def stopped(folders, tmp_path_factory):
    """A run that stops early, and the round that it must stop after, by the scores of one that does not."""
    folder = tmp_path_factory.mktemp("stopped")
    results = run(folder, federation("best", patience=PATIENCE))
    values = [validation(line) for line in lines(folders["best"])]
    best = [values.index(max(values[:n])) for n in range(1, 7)]
    last = next(n for n in range(1, 7) if n - 1 - best[n - 1] >= PATIENCE)
    assert last < 6, "no round is left to stop before: this federation tests nothing"
    return folder / "run", results, last, best[last - 1] + 1


def test_training_stops_when_it_is_out_of_patience(folders, stopped):
    folder, results, last, best = stopped
    assert results["rounds_completed"] == len(lines(folder)) == last
    assert results["kept"]["round"] == best
    assert results["kept"]["patience"] == PATIENCE
    whole = lines(folders["best"])[best - 1]["held_out"]
    for condition in ("both", "fundus", "oct"):
        found = results["held_out"]["pooled"][condition]["auc"]["value"]
        assert found == whole[condition]["auc"]["value"]
    page = (folder / "report.html").read_text()
    assert f"Kept is the model of round {best}" in page
    assert f"Training stopped after round {last}, as 2 scored rounds in a row" in page


def test_stopped_early_it_resumes_and_runs_on_ray_to_the_same_bytes(stopped, tmp_path, monkeypatch):
    folder, _, last, _ = stopped
    save = Recorder.__call__

    def interrupt(self, state, ledger, record):
        save(self, state, ledger, record)
        if record.round == last:  # training is over, and nothing says so but its rounds
            raise KeyboardInterrupt

    monkeypatch.setattr(Recorder, "__call__", interrupt)
    config = folder.parent / "federation.yaml"
    assert simulate(config, "--out", tmp_path / "run", "--quiet").returncode == 130
    monkeypatch.setattr(Recorder, "__call__", save)
    assert simulate("--resume", tmp_path / "run", "--quiet").returncode == 0
    assert simulate(config, "--out", tmp_path / "ray", "--quiet", "--engine", "ray").returncode == 0
    for other in ("run", "ray"):
        for name in ("model.safetensors", "predictions.csv"):
            assert (tmp_path / other / name).read_bytes() == (folder / name).read_bytes()


def test_the_model_that_is_kept_tells_its_distances_though_training_stopped(tmp_path):
    """What held-out sites tell of the final model only, they tell of the one that is kept."""
    asked = EVALUATION | {"keep": "best", "patience": 1, "onboarding": {"archive": 6}}
    training = {"rounds": 9, "batch_size": 8, "lr": 0.05, "schedule": "constant"}
    results = run(tmp_path, tiny(seed=1, method="one_phase", training=training, evaluation=asked))
    if results["rounds_completed"] == 9:
        pytest.fail("this federation does not stop early: it tests nothing")
    assert "offsets" in results["onboarding"]["pooled"]
    model = json.loads((tmp_path / "run" / "model.json").read_text())
    assert set(model["distances"]) == {"fundus", "oct"}
