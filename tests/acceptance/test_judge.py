"""A finished model at the held-out sites of another configuration."""

import json
import shutil

import pytest
import yaml

from tests.acceptance.eyes import (
    drawn_eyes,
    federation,
    fedrima,
    read_table,
    trained,
    write_manifest,
)
from tests.acceptance.federations import group, run, tiny, write

OUTPUTS = {"config.yaml", "results.json", "predictions.csv", "model.safetensors", "report.html"}
ELSEWHERE = {
    "name": "elsewhere",
    "seed": 5,
    "task": {"classes": ["healthy", "ill"]},
    "sites": [group("abroad", ["fundus", "oct"], role="held_out", count=2, style=2.0)],
    "evaluation": {"bootstrap": 50},
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    run(folder, tiny())
    return folder / "run"


def judged(finished, folder, config, *options):
    """Judge the run in `finished` as `config` says; return the folder."""
    out = folder / "judged"
    done = fedrima("judge", finished, write(folder, config), "--out", out, "--quiet", *options)
    assert done.exit_code == 0, done.stderr
    return out


def results(folder):
    return json.loads((folder / "results.json").read_text())


def test_at_the_sites_of_its_own_run_the_scores_are_those_of_the_run(finished, tmp_path):
    out = judged(finished, tmp_path, tiny())
    assert {path.name for path in out.iterdir()} >= OUTPUTS
    assert (out / "predictions.csv").read_bytes() == (finished / "predictions.csv").read_bytes()
    assert (out / "model.safetensors").read_bytes() == (finished / "model.safetensors").read_bytes()
    assert results(out)["held_out"] == results(finished)["held_out"]


def test_elsewhere_only_held_out_sites_are_met_and_nothing_is_trained(finished, tmp_path):
    out = judged(finished, tmp_path, ELSEWHERE)
    found = results(out)
    assert [site["name"] for site in found["sites"]] == ["abroad-1", "abroad-2"]
    assert set(found["communication"]["sites"]) == {"abroad-1", "abroad-2"}
    assert found["rounds_completed"] == 0
    assert found["judged"] | {"sha256": "", "run": ""} == {
        "run": "",
        "sha256": "",
        "name": "tiny",
        "method": "fedrima",
        "seed": 0,
        "rounds": 3,
        "sites": 4,
    }
    assert len(read_table(out / "predictions.csv")) == 3 * 48
    page = (out / "report.html").read_text()
    assert "Nothing was trained here: the model of the run tiny is judged" in page
    assert "Train the model" not in page


def test_training_sites_of_the_other_configuration_are_left_alone(finished, tmp_path):
    sites = [*ELSEWHERE["sites"], group("theirs", ["fundus"], count=3)]
    out = judged(finished, tmp_path, {**ELSEWHERE, "sites": sites})
    (tmp_path / "without").mkdir()
    alone = judged(finished, tmp_path / "without", ELSEWHERE)
    assert (out / "predictions.csv").read_bytes() == (alone / "predictions.csv").read_bytes()
    assert [site["role"] for site in results(out)["sites"]] == ["held_out"] * 2


def test_its_configuration_judges_again_and_ray_gives_the_same(finished, tmp_path):
    out = judged(finished, tmp_path, ELSEWHERE)
    done = fedrima("run", out / "config.yaml", "--out", tmp_path / "again", "--engine", "ray")
    assert done.exit_code == 0, done.stderr
    for name in ("predictions.csv", "model.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (out / name).read_bytes()


def test_another_model_in_the_folder_is_refused(finished, tmp_path):
    copied = tmp_path / "copied"
    shutil.copytree(finished, copied)
    out = judged(copied, tmp_path, ELSEWHERE)
    with (copied / "model.safetensors").open("ab") as file:
        file.write(b" ")
    config = yaml.safe_load((out / "config.yaml").read_text())
    done = fedrima("run", write(tmp_path, config), "--out", tmp_path / "again")
    assert done.exit_code == 2
    assert "model.safetensors" in done.stderr or "not the one that is to be judged" in done.stderr


@pytest.mark.parametrize(
    ("changes", "options", "words"),
    [
        ({"task": {"classes": ["none", "some"]}}, (), "task.classes: [none, some]"),
        ({}, ("--set", "method.predict=experts"), "method is that of the run"),
        ({}, ("--set", "training.precision=bf16"), "training is that of the run"),
        ({"sites": [group("only", ["fundus"])]}, (), "no group has role held_out"),
    ],
)
def test_what_does_not_go_together_is_refused(finished, tmp_path, changes, options, words):
    path = write(tmp_path, ELSEWHERE | changes)
    done = fedrima("judge", finished, path, "--out", tmp_path / "out", *options)
    assert done.exit_code == 2
    assert words in " ".join(done.stderr.split())
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    done = fedrima("judge", tmp_path, write(tmp_path, ELSEWHERE))
    assert done.exit_code == 2
    assert "results.json" in done.stderr


def test_onboarding_without_a_bank_says_so(finished, tmp_path):
    (tmp_path / "plain").mkdir()
    run(tmp_path / "plain", tiny(method="fedavg"))
    asked = ELSEWHERE | {"evaluation": {"bootstrap": 0, "onboarding": {"archive": 10}}}
    out = judged(tmp_path / "plain" / "run", tmp_path, asked)
    assert any("without a bank" in words for words in results(out)["warnings"])
    (tmp_path / "bank").mkdir()
    with_bank = judged(finished, tmp_path / "bank", asked)
    assert "offsets" in results(with_bank)["onboarding"]["pooled"]


def test_models_kept_apart_are_a_matrix_of_sites_and_models(tmp_path):
    (tmp_path / "own").mkdir()
    run(tmp_path / "own", tiny(method="local"))
    out = judged(tmp_path / "own" / "run", tmp_path, ELSEWHERE)
    pairs = {(row["site"], row["model"]) for row in read_table(out / "predictions.csv")}
    owners = {"hospital", "clinic-1", "clinic-2", "imaging"}
    assert pairs == {(site, owner) for site in ("abroad-1", "abroad-2") for owner in owners}
    held_out = results(out)["held_out"]
    assert set(held_out["models"]) == owners
    for condition, served in {"fundus": 3, "oct": 2, "both": 4}.items():
        having = [m["pooled"] for m in held_out["models"].values() if condition in m["pooled"]]
        assert len(having) == served
        mean = sum(table[condition]["auc"]["value"] for table in having) / served
        assert held_out["pooled"][condition]["auc"]["value"] == pytest.approx(mean)
    page = (out / "report.html").read_text()
    value = held_out["models"]["clinic-2"]["sites"]["abroad-1"]["fundus"]["auc"]["value"]
    place = "held_out/models/clinic-2/sites/abroad-1/fundus/auc/value"
    assert f'data-figure="{place}">{value:.3f}<' in page


def test_real_eyes_are_judged_as_predict_grades_them(tmp_path):
    eyes = drawn_eyes(tmp_path)
    finished = trained(tmp_path, eyes)
    config = federation(tmp_path / "manifest.csv", name="others")
    config["sites"][3]["role"] = "train"  # unseen-1 is not asked then
    out = judged(finished, tmp_path, config)
    scored = {
        row["case_id"]: (row["p_0"], row["p_1"])
        for row in read_table(out / "predictions.csv")
        if row["condition"] == "both"
    }
    rows = [r for r in eyes if r["site"] == "unseen-2" and r["fundus"] and r["oct"]]
    manifest = write_manifest(tmp_path / "unseen-2.csv", rows)
    table = tmp_path / "graded.csv"
    assert fedrima("predict", finished, manifest, "--out", table).exit_code == 0
    assert {row["case_id"]: (row["p_0"], row["p_1"]) for row in read_table(table)} == scored
