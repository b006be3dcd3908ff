"""What a run must give, whatever the federation: the checks of a user from outside."""

import csv
import json

import numpy as np
import pytest
import torch
from sklearn import metrics as sk
from typer.testing import CliRunner

from server.progress import TerminalProgress
from simulate import command
from tests.acceptance.federations import group, run, simulate, simulate_apart, tiny, write

HELD_OUT = group("unseen", ["fundus", "oct"], role="held_out")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    return folder / "run", run(folder, tiny())


def test_every_output_of_the_contract_is_there(finished):
    folder, _ = finished
    expected = {
        "config.yaml",
        "results.json",
        "rounds.jsonl",
        "predictions.csv",
        "model.safetensors",
        "model.json",
        "checkpoints",
        "report.html",
        "log.txt",
    }
    assert expected <= {path.name for path in folder.iterdir()}
    assert not list(folder.rglob("*.part"))


def test_metrics_are_scikit_learns_on_the_predictions(finished):
    folder, results = finished
    with (folder / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    for condition, table in results["held_out"]["pooled"].items():
        own = [row for row in rows if row["condition"] == condition]
        labels = np.array([int(row["label"]) for row in own])
        probabilities = np.array([[float(row["p_0"]), float(row["p_1"])] for row in own])
        predicted = probabilities.argmax(axis=1)
        expected = {
            "auc": sk.roc_auc_score(labels, probabilities[:, 1]),
            "accuracy": sk.accuracy_score(labels, predicted),
            "balanced_accuracy": sk.balanced_accuracy_score(labels, predicted),
            "f1_macro": sk.f1_score(labels, predicted, average="macro"),
            "kappa": sk.cohen_kappa_score(labels, predicted),
            "qwk": sk.cohen_kappa_score(labels, predicted, weights="quadratic"),
            "nll": sk.log_loss(labels, probabilities),
            "brier": sk.brier_score_loss(labels, probabilities[:, 1]),
        }
        for name, value in expected.items():
            assert table[name]["value"] == pytest.approx(value, abs=1e-9), (condition, name)


@pytest.mark.parametrize("workers", [1, 2])
def test_ray_gives_the_bytes_of_inline(finished, tmp_path, workers):
    run(tmp_path, tiny(), "--engine", "ray", "--set", f"engine.workers={workers}")
    for name in ("predictions.csv", "model.safetensors"):
        assert (tmp_path / "run" / name).read_bytes() == (finished[0] / name).read_bytes()


def test_the_resolved_configuration_gives_the_same_run_again(finished, tmp_path):
    done = simulate(finished[0] / "config.yaml", "--out", tmp_path / "again", "--quiet")
    assert done.returncode == 0, done.stderr
    for name in ("predictions.csv", "model.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (finished[0] / name).read_bytes()


def test_a_run_interrupted_in_mid_phase_resumes_to_the_same_bytes(finished, tmp_path, monkeypatch):
    folder = tmp_path / "run"

    def interrupt(self, record):
        if record.round == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(TerminalProgress, "round_ended", interrupt)
    arguments = [str(write(tmp_path, tiny())), "--out", str(folder), "--quiet"]
    assert CliRunner().invoke(command, arguments).exit_code == 130
    monkeypatch.undo()
    done = simulate("--resume", folder, "--quiet")
    assert done.returncode == 0, done.stderr
    for name in ("predictions.csv", "model.safetensors"):
        assert (folder / name).read_bytes() == (finished[0] / name).read_bytes()
    lines = (folder / "rounds.jsonl").read_text().splitlines()
    assert [json.loads(line)["round"] for line in lines] == [1, 2, 3]


def test_bytes_are_counted_by_site_and_no_site_gets_what_it_cannot_use(finished):
    results = finished[1]
    by_site = results["communication"]["sites"]
    assert by_site["clinic-1"]["down_bytes"] < by_site["hospital"]["down_bytes"]
    total = sum(site["down_bytes"] for site in by_site.values())
    assert results["communication"]["down_bytes"] == total


@pytest.mark.parametrize(
    "sites",
    [
        [group("clinic", ["fundus"], count=2), group("imaging", ["oct"]), HELD_OUT],
        [group("hospital", ["fundus", "oct"]), HELD_OUT],
        [
            group("clinic", ["fundus"], count=2, labels=[1, 0]),
            group("imaging", ["oct"], labels=[1, 0]),
            group("hospital", ["fundus", "oct"], labels=[1, 3]),
            HELD_OUT,
        ],
        [group("mixed", {"fundus": 1.0, "oct": 0.5}, paired=0.5), HELD_OUT],
    ],
    ids=["no-both-site", "one-site", "class-missing-at-most-sites", "half-lack-oct"],
)
def test_uneven_federations_run_and_report(sites, tmp_path):
    results = run(tmp_path, tiny(sites=sites))
    assert results["rounds_completed"] == 3
    assert set(results["held_out"]["pooled"]) == {"both", "fundus", "oct"}
    assert results["failures"] == []


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("training.round=4", "training.round"),
        ("training.rounds=many", "training.rounds"),
        ("sites.3.role=train", "held_out"),
        ("sites.0.modalities=[ct]", "ct"),
        ("method=fedrma", "fedrima"),
        ("model.init=nowhere.pth", "nowhere.pth"),
        ("training.rounds=1", "training.rounds"),
        ("training.checkpointing=true", "training.checkpointing"),
        ("model.frozen.oct={encoder: nowhere.pt2, features: 8}", "phantom"),
        *([] if torch.cuda.is_available() else [("engine.gpus_per_worker=1", "no GPU")]),
    ],
)
def test_wrong_input_ends_with_code_2_and_one_line(setting, named, tmp_path):
    sites = [
        group("hospital", ["fundus", "oct"]),
        group("clinic", ["fundus"]),
        group("imaging", ["oct"]),
        HELD_OUT,
    ]
    path = write(tmp_path, tiny(sites=sites))
    arguments = [str(path), "--out", str(tmp_path / "run"), "--set", setting]
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert named in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert not (tmp_path / "run").exists()


def test_updates_in_16_bits_are_half_the_bytes_up_and_change_little(finished, tmp_path):
    halved = run(tmp_path, tiny(server={"updates": "float16"}))
    before, after = (r["communication"] for r in (finished[1], halved))
    assert after["down_bytes"] == pytest.approx(before["down_bytes"], rel=0.001)
    assert 0.45 < after["up_bytes"] / before["up_bytes"] < 0.65
    pooled = (r["held_out"]["pooled"]["both"]["nll"]["value"] for r in (finished[1], halved))
    assert next(pooled) == pytest.approx(next(pooled), rel=0.1)


def test_a_federation_of_one_modality_is_judged_by_that_alone(tmp_path):
    sites = [group("clinic", ["fundus"]), HELD_OUT]
    results = run(tmp_path, tiny(sites=sites))
    assert results["held_out"]["pooled"].keys() == {"fundus"}
    assert results["held_out"]["pooled"]["fundus"]["auc"]["value"] is not None


def test_too_few_sites_end_the_run_with_code_3(tmp_path):
    broken = tiny(server={"min_sites": 9})
    done = simulate_apart(write(tmp_path, broken), "--out", tmp_path / "run")
    assert done.returncode == 3
    assert "min_sites" in done.stderr


def test_an_earlier_run_is_moved_aside(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "results.json").write_text("{}")
    (tmp_path / "run" / "config.yaml").write_text("")
    run(tmp_path, tiny())
    assert (tmp_path / "run.1" / "results.json").read_text() == "{}"


def test_dry_run_trains_nothing(tmp_path):
    done = simulate(write(tmp_path, tiny()), "--out", tmp_path / "run", "--dry-run")
    assert done.returncode == 0
    assert "clinic-2" in done.stdout
    assert "MB down" in done.stdout
    assert not (tmp_path / "run").exists()
