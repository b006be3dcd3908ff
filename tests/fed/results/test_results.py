"""What is written is what is read, and what cannot be read is named."""

import json

import numpy as np
import pytest

from fed.errors import DataError
from fed.results import (
    Estimate,
    Results,
    RoundRecord,
    Run,
    add_round,
    is_finished,
    read_predictions,
    read_rounds,
    write_predictions,
    write_rounds,
)
from tests.fed.report.synthetic import write_run


def test_a_run_is_read_as_it_was_written(tmp_path):
    written = write_run(tmp_path)
    run = Run.load(tmp_path)
    assert run.results.content() == written == json.loads((tmp_path / "results.json").read_text())
    assert written["schema"] == 1
    assert len(run.rounds) == run.results.rounds_completed
    labels, p = run.scored("fundus")
    assert len(labels) == run.results.held_out.counts.pooled["fundus"].cases
    assert run.predictions.columns[:5].tolist() == [
        "site", "case_id", "patient_id", "condition", "label",
    ]  # fmt: skip
    assert (np.bincount(labels) == run.results.held_out.counts.pooled["fundus"].by_class).all()
    assert p.shape == (480, 4)


def test_probabilities_and_ids_come_back_to_the_last_character(tmp_path):
    rng = np.random.default_rng(0)
    p = rng.dirichlet([1.0, 1.0], size=50) ** 9
    ids = ["NA", "007", "1e3", "", "=1+1", *(str(i) for i in range(45))]
    columns = ["site", "case_id", "patient_id", "condition", "label", "p_0", "p_1"]
    rows = [["s", name, name, "both", 0, *row.tolist()] for name, row in zip(ids, p, strict=True)]
    write_predictions(tmp_path / "predictions.csv", columns, rows)
    frame = read_predictions(tmp_path / "predictions.csv")
    assert frame["case_id"].tolist() == ids
    assert np.array_equal(frame[["p_0", "p_1"]].to_numpy(), p)


def test_an_estimate_keeps_an_interval_only_where_it_was_given_one():
    assert Estimate(value=0.5).content() == {"value": 0.5}
    given = {"value": None, "low": None, "high": None}
    assert Estimate.model_validate(given).content() == given


def test_keys_of_later_versions_are_kept(tmp_path):
    written = write_run(tmp_path) | {"new_key": [1, 2]}
    assert Results.model_validate(written).content()["new_key"] == [1, 2]


def test_a_line_cut_short_belongs_to_no_round(tmp_path):
    write_run(tmp_path)
    rounds = read_rounds(tmp_path)
    with (tmp_path / "rounds.jsonl").open("a") as lines:
        lines.write(rounds[0].line()[:40])
    assert read_rounds(tmp_path) == rounds
    write_rounds(tmp_path, rounds[:2])
    add_round(tmp_path, rounds[2])
    assert read_rounds(tmp_path) == rounds[:3]
    assert read_rounds(tmp_path / "nothing") == ()


def test_a_number_that_is_none_is_refused():
    with pytest.raises(ValueError, match="JSON"):
        RoundRecord(
            round=1, phase="p", lr=float("nan"), participants=(), losses={}, down_bytes=0,
            up_bytes=0, seconds=1.0,
        ).line()  # fmt: skip


def read_all(folder):
    run = Run.load(folder)
    return run.rounds, run.predictions, run.model_file


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("results.json", None, "results.json: cannot be read"),
        ("results.json", "{", "results.json: content: Invalid JSON"),
        ("results.json", '{"schema": 1}', "results.json: name: Field required"),
        ("rounds.jsonl", "{}\n{}\n", "rounds.jsonl: round: Field required"),
        ("predictions.csv", "site,label,p_0\ns,x,0.5\n", "predictions.csv: no table"),
        ("model.json", None, "model.json: cannot be read"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, file, content, words):
    write_run(tmp_path)
    (tmp_path / file).unlink(missing_ok=True)
    if content is not None:
        (tmp_path / file).write_text(content)
    with pytest.raises(DataError, match=words):
        read_all(tmp_path)
    assert is_finished(tmp_path) == (tmp_path / "results.json").exists()
