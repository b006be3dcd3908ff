"""A run that keeps its best round, by the validation splits."""

import json

import pytest

from server.recorder import Recorder
from tests.acceptance.federations import run, simulate, tiny

EVALUATION = {"every": 1, "bootstrap": 0, "validation": 0.3}


def federation(keep):
    # A rate at which rounds get worse and better again.
    training = {"rounds": 6, "batch_size": 8, "lr": 0.05, "schedule": "constant"}
    return tiny(seed=1, method="fedavg", training=training, evaluation=EVALUATION | {"keep": keep})


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
