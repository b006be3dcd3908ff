"""Onboarding as a user runs it: what is written, on any engine, for methods with a bank or none."""

import csv

import pytest

from tests.acceptance.federations import group, run, simulate, tiny, write


def onboarding(**changes):
    evaluation = {"every": 5, "bootstrap": 20, "onboarding": {"archive": 10} | changes}
    return tiny(training={"rounds": 2, "batch_size": 8, "lr": 0.003}, evaluation=evaluation)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("onboarding")
    return folder / "run", run(folder, onboarding())


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def _case(row):
    return row["case_id"], row["condition"], row["label"]


def test_every_procedure_stands_beside_the_unadapted_model(finished):
    folder, results = finished
    found = results["onboarding"]
    assert list(found["pooled"])[:2] == ["unadapted", "bank"]
    assert {"bayes", "offsets", "aligned_bayes", "bank_aligned_offsets"} <= set(found["pooled"])
    assert found["sites"]["unseen"].keys() == found["pooled"].keys()
    assert found["pooled"]["unadapted"] == results["held_out"]["pooled"]
    assert set(found["pooled"]["offsets"]["both"]["qwk"]) == {"value", "low", "high"}
    assert (folder / "report.html").read_text().count('id="onboarding"') == 1


def test_the_scores_of_every_procedure_are_written_and_of_the_judged_cases_only(finished):
    folder, results = finished
    judged = {row["case_id"] for row in rows(folder / "predictions.csv")}
    written = rows(folder / "onboarding.csv")
    assert len(judged) == 24 - 10
    assert {row["procedure"] for row in written} == set(results["onboarding"]["pooled"])
    for procedure in results["onboarding"]["pooled"]:
        own = {row["case_id"] for row in written if row["procedure"] == procedure}
        assert own == judged


def test_ray_gives_the_bytes_of_inline(finished, tmp_path):
    run(tmp_path, onboarding(), "--engine", "ray", "--set", "engine.workers=2")
    for name in ("onboarding.csv", "predictions.csv"):
        assert (tmp_path / "run" / name).read_bytes() == (finished[0] / name).read_bytes()


def test_a_method_that_keeps_no_bank_asks_for_one_and_stays_the_same_model(tmp_path):
    adapted = onboarding() | {"method": "experts"}
    results = run(tmp_path, adapted)
    assert "offsets" in results["onboarding"]["pooled"]
    plain = adapted | {"evaluation": {"every": 5, "bootstrap": 20}}
    again = tmp_path / "plain"
    again.mkdir()
    assert run(again, plain)["onboarding"] is None
    assert not (again / "run" / "onboarding.csv").exists()
    every = {_case(row): row for row in rows(again / "run" / "predictions.csv")}
    for row in rows(tmp_path / "run" / "predictions.csv"):  # of batches of other sizes
        assert float(row["p_0"]) == pytest.approx(float(every[_case(row)]["p_0"]), abs=1e-5)


def test_an_archive_that_leaves_no_case_is_refused_before_anything_is_trained(tmp_path):
    changed = onboarding(archive=24)
    done = simulate(write(tmp_path, changed), "--out", tmp_path / "run")
    assert done.returncode == 2
    assert "evaluation.onboarding.archive: 24 cases leave unseen none" in done.stderr
    assert not (tmp_path / "run").exists()


def test_models_kept_apart_have_no_bank_and_the_results_say_so(tmp_path):
    sites = [
        group("hospital", ["fundus", "oct"]),
        group("unseen", ["fundus", "oct"], role="held_out"),
    ]
    results = run(tmp_path, onboarding() | {"method": "local", "sites": sites})
    assert results["onboarding"]["pooled"] == {}
    assert any("no common model" in words for words in results["warnings"])
