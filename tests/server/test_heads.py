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
