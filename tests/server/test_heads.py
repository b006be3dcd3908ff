"""A federation whose heads are solved."""

import json
from pathlib import Path

import numpy as np
import pytest

import fedrima
from fed.config import resolve
from fed.schedule import schedule
from fed.storage import read_tensors
from tests.acceptance.federations import tiny


def test_a_run_takes_one_round_and_gives_the_same_bytes_on_ray(tmp_path: Path) -> None:
    config = tiny(method="analytic", training={"rounds": 4})
    for engine in ("inline", "ray"):
        run = fedrima.run(config | {"engine": {"name": engine}}, out=tmp_path / engine)
    assert run.results.rounds_completed == 1
    assert run.results.held_out.pooled["both"]["auc"].value is not None
    for name in ("model.safetensors", "predictions.csv"):
        assert (tmp_path / "inline" / name).read_bytes() == (tmp_path / "ray" / name).read_bytes()
    line = json.loads((tmp_path / "inline" / "rounds.jsonl").read_text().splitlines()[0])
    assert set(line["movement"]) == {"fundus_head", "oct_head"}


def test_only_the_heads_move(tmp_path: Path) -> None:
    from fed.initial import initial_model

    config = tiny(method="analytic", training={"rounds": 1})
    fedrima.run(config, out=tmp_path / "run")
    start = initial_model(resolve(config))
    ends = read_tensors(tmp_path / "run" / "model.safetensors")
    moved = {key for key in start if not np.array_equal(start[key], ends[key])}
    assert moved == {
        f"{head}.{part}" for head in ("fundus_head", "oct_head") for part in ("weight", "bias")
    }


def test_the_head_over_both_is_solved_where_a_site_owns_both(tmp_path: Path) -> None:
    config = tiny(method="analytic_joint", training={"rounds": 1}, engine={"name": "inline"})
    config["sites"][0] |= {"count": 3, "cases": 60}
    run = fedrima.run(config, out=tmp_path / "run")
    alone = fedrima.run(config | {"method": "analytic"}, out=tmp_path / "alone")
    joint, experts = (found.results.held_out.pooled for found in (run, alone))
    assert joint["both"]["nll"].value != experts["both"]["nll"].value
    for condition in ("fundus", "oct"):  # eyes with one image are graded by the same heads
        assert joint[condition]["nll"].value == experts[condition]["nll"].value


def test_where_no_site_owns_both_it_is_the_product_of_the_experts(tmp_path: Path) -> None:
    config = tiny(method="analytic_joint", training={"rounds": 1}, engine={"name": "inline"})
    config["sites"] = config["sites"][1:]
    run = fedrima.run(config, out=tmp_path / "run")
    alone = fedrima.run(config | {"method": "analytic"}, out=tmp_path / "alone")
    joint, experts = (found.results.held_out.pooled["both"]["nll"] for found in (run, alone))
    assert joint.value == pytest.approx(experts.value, abs=1e-6)
    assert any("no site sent sums of eyes with both" in words for words in run.results.warnings)


@pytest.mark.parametrize("rounds", [2, 10])
def test_a_phase_that_solves_lasts_one_round(rounds: int) -> None:
    method = {
        "name": "mixed",
        "phases": [
            {"name": "encoders", "trains": ["encoders", "heads"], "share": 0.5},
            {"name": "heads", "trains": ["heads"], "share": 0.5, "solve": {}},
        ],
        "predict": "experts",
        "plan": False,
    }
    plans = schedule(resolve(tiny(method=method, training={"rounds": rounds})))
    assert [plan.phase for plan in plans] == [0] * (rounds // 2) + [1]
