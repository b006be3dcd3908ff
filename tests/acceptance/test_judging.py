"""What a run says of its worth to others: computed beside the model, which it never touches."""

import csv
import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fed.config import load
from fed.results import PREDICTIONS, SUBGROUPS, Run, read_predictions
from server.judgement import (
    equipment_results,
    predictions_of,
    sets_results,
    subgroup_results,
    triage_results,
)
from tests.acceptance.federations import group, run, tiny

EVALUATION = {"every": 2, "bootstrap": 30}
ALL = EVALUATION | {
    "triage": {"mix": [3, 1]},
    "sets": {"cases": 10},
    "equipment": {"cost": {"oct": 2.0}},
}
NOTHING = EVALUATION | {"triage": None}


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("judged")
    return folder / "run", run(folder, tiny(evaluation=ALL))


def test_it_changes_neither_the_model_nor_a_prediction(judged, tmp_path):
    plain = run(tmp_path, tiny(evaluation=NOTHING))
    for name in ("predictions.csv", "model.safetensors"):
        assert (judged[0] / name).read_bytes() == (tmp_path / "run" / name).read_bytes()
    assert judged[1]["held_out"] == plain["held_out"]
    assert [plain[key] for key in ("triage", "sets", "equipment", "subgroups")] == [None] * 4
    assert judged[1]["communication"] == plain["communication"]


def test_it_is_computed_from_the_predictions_alone(judged):
    folder, results = judged
    config, cards = load([folder / "config.yaml"]), Run.load(folder).results.sites
    predictions = read_predictions(folder / PREDICTIONS)
    found = {
        "triage": triage_results(predictions, cards, config),
        "sets": sets_results(predictions, predictions_of([], config), config),
        "equipment": equipment_results(predictions, cards, config),
    }
    for name, part in found.items():
        assert part is not None
        assert part.content() == results[name], name


def test_triage_is_there_unless_it_is_switched_off(tmp_path):
    results = run(tmp_path, tiny())
    assert set(results["triage"]["clinics"]) == {"fundus", "oct"}
    assert set(results["triage"]["clinics"]["fundus"]) == {"drawn"}
    assert results["sets"] is results["equipment"] is results["subgroups"] is None
    page = (tmp_path / "run" / "report.html").read_text()
    assert 'id="triage"' in page
    assert not any(f'id="{name}"' in page for name in ("sets", "equipment", "subgroups"))


def test_the_report_has_a_section_for_each(judged):
    page = (judged[0] / "report.html").read_text()
    for name in ("triage", "sets", "equipment"):
        assert f'<section id="{name}">' in page
        assert f'href="#{name}"' in page
    assert "a valuation from one model, not a ranking" in page
    assert "0.25 to 0.59" in page


def test_a_federation_of_one_modality_has_no_other_camera(tmp_path):
    sites = [group("clinic", ["fundus"]), group("unseen", ["fundus"], role="held_out")]
    results = run(tmp_path, tiny(sites=sites, evaluation=ALL | {"equipment": {}}))
    assert results["triage"] is results["equipment"] is None
    assert set(results["sets"]["pooled"]) == {"fundus"}


def test_groups_come_with_the_scores_of_real_eyes(tmp_path):
    rng = np.random.default_rng(0)
    rows = [["case_id", "patient_id", "fundus", "oct", "grade", "sex"]]
    for i in range(48):
        names = [f"{i}f.png", f"{i}o.png"]
        for name in names:
            Image.fromarray(rng.integers(256, size=(32, 32), dtype=np.uint8)).save(tmp_path / name)
        rows.append([str(i), str(i), *names, "ill" if i % 2 else "healthy", ("f", "m", "")[i % 3]])
    with (tmp_path / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    data = {
        "source": "manifest",
        "path": str(tmp_path / "manifest.csv"),
        "label": "grade",
        "image_size": 32,
        "volume_size": [1, 32, 32],
    }
    sites = [
        group("clinic", ["fundus", "oct"], cases=0.5),
        group("unseen", ["fundus", "oct"], role="held_out", cases=0.5),
    ]
    asked = tiny(sites=sites, data=data, evaluation=EVALUATION | {"subgroups": ["sex"]})
    results = run(tmp_path, asked)
    folder = tmp_path / "run"
    table = results["subgroups"]["sex"]["both"]
    groups = pd.read_csv(folder / SUBGROUPS, dtype=str, keep_default_na=False)
    assert list(groups) == ["site", "case_id", "sex"]
    sex = {str(i): ("f", "m", "not known")[i % 3] for i in range(48)}
    held_out = set(groups["case_id"])
    for name in ("f", "m", "not known"):
        own = [case for case in held_out if sex[case] == name]
        assert table["groups"][name]["count"]["cases"] == len(own)
    config = load([folder / "config.yaml"])
    again = subgroup_results(read_predictions(folder / PREDICTIONS), groups, config)
    assert json.loads(json.dumps({"both": again["sex"]["both"].content()})) == {"both": table}
    assert '<section id="subgroups">' in (folder / "report.html").read_text()
