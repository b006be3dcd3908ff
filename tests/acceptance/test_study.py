"""A study from outside: its folder, going on after an interruption, and a run that fails."""

import csv
import json

import pytest

from tests.acceptance.federations import group, simulate_apart, tiny, write

SITES = [
    group("hospital", ["fundus", "oct"], cases=12),
    group("clinic", ["fundus"], cases=12),
    group("imaging", ["oct"], cases=12),
    group("unseen", ["fundus", "oct"], role="held_out", cases=12, count=2),
]


def study(**changes):
    settings = {
        "sites": SITES,
        "training": {"rounds": 2, "batch_size": 8},
        "evaluation": {"every": 99, "bootstrap": 0},
        "study": {"methods": ["experts", "fedrima"], "seeds": [100, 101]},
    }
    return tiny(**settings | changes)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    done = simulate_apart(write(folder, study()), "--out", folder / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


def test_a_folder_a_run_and_what_they_say_at_the_top(finished):
    folder, shown = finished
    runs = list((folder / "out").glob("*/results.json"))
    assert len(runs) == 4
    assert "4 runs, 0 of them finished before" in shown
    content = json.loads((folder / "out" / "study.json").read_text())
    assert content["reference"] == "experts"
    assert {c["method"] for c in content["comparisons"]} == {"fedrima"}
    page = (folder / "out" / "study.html").read_text()
    assert "Differences to experts" in page
    assert "<script" not in page


def test_the_table_is_of_the_runs(finished):
    folder, _ = finished
    with (folder / "out" / "study.csv").open() as file:
        rows = list(csv.DictReader(file))
    keys = ["method", "seed", "setting", "site", "condition", "metric"]
    assert list(rows[0]) == [*keys, "value", "low", "high"]
    assert {row["site"] for row in rows} == {"pooled", "unseen-1", "unseen-2"}
    run = next((folder / "out").glob("fedrima-s101-*/results.json"))
    pooled = json.loads(run.read_text())["held_out"]["pooled"]
    (row,) = (
        r
        for r in rows
        if (r["method"], r["seed"], r["site"], r["condition"], r["metric"])
        == ("fedrima", "101", "pooled", "oct", "nll")
    )
    assert float(row["value"]) == pooled["oct"]["nll"]["value"]


def test_finished_runs_are_kept_and_the_rest_is_run(finished):
    folder, _ = finished
    lost = next((folder / "out").glob("fedrima-s100-*"))
    kept = next((folder / "out").glob("fedrima-s101-*/results.json"))
    before = kept.stat().st_mtime_ns
    predictions = (lost / "predictions.csv").read_bytes()
    (lost / "results.json").unlink()
    done = simulate_apart("--resume", folder / "out")
    assert done.returncode == 0, done.stderr
    assert "4 runs, 3 of them finished before" in done.stdout
    assert kept.stat().st_mtime_ns == before
    assert (lost / "predictions.csv").read_bytes() == predictions


def test_a_run_that_fails_stops_no_other_and_ends_with_code_3(tmp_path):
    broken = study(study={"seeds": [100], "vary": {"server.min_sites": [9, 1]}}, method="experts")
    done = simulate_apart(write(tmp_path, broken), "--out", tmp_path / "out")
    assert done.returncode == 3
    assert "1 of 2 runs" in done.stderr
    assert "server.min_sites asks for 9" in done.stderr
    assert len(list((tmp_path / "out").glob("*/results.json"))) == 1
    assert "1 run failed" in (tmp_path / "out" / "study.html").read_text()


def test_choices_see_no_held_out_score(tmp_path):
    chosen = study(
        study={"seeds": [0], "vary": {"training.lr": [0.001, 0.003]}, "select": "validation"},
        evaluation={"every": 99, "bootstrap": 0, "validation": 0.3},
        method="experts",
    )
    done = simulate_apart(write(tmp_path, chosen), "--out", tmp_path / "out", "--quick")
    assert done.returncode == 0, done.stderr
    assert "unseen" not in (tmp_path / "out" / "study.csv").read_text()
    content = json.loads((tmp_path / "out" / "study.json").read_text())
    assert content["quick"]
    assert content["part"] == "validation"
    assert len(content["ranking"]) == 2
    assert "coarse version" in (tmp_path / "out" / "study.html").read_text()


def test_a_study_takes_its_seeds_from_the_study(tmp_path):
    done = simulate_apart(write(tmp_path, study()), "--seed", "3")
    assert done.returncode == 2
    assert "--seed: a study runs the seeds in study.seeds" in done.stderr
    assert "--set study.seeds=[3]" in done.stderr


def test_quick_is_for_studies(tmp_path):
    done = simulate_apart(write(tmp_path, tiny()), "--quick")
    assert done.returncode == 2
    assert "--quick is for studies" in done.stderr
