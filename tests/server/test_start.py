import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from server.rounds import Rounds
from server.sharing import state_keys

from fed.config import Config, resolve
from fed.data.opening import open_source
from fed.initial import initial_model
from fed.storage import write_tensors
from server.simulation import simulate
from tests.acceptance.federations import group, tiny

SITES = [
    group("hospital", ["fundus", "oct"], cases=12),
    group("clinic", ["fundus"], cases=12),
    group("imaging", ["oct"], cases=12),
    group("unseen", ["fundus", "oct"], role="held_out", style=1.0, cases=12),
]


def config(**changes: Any) -> Config:
    training = {"rounds": 2, "batch_size": 8, "lr": 0.003}
    settings = {"sites": SITES, "training": training, "evaluation": {"every": 99}, **changes}
    return resolve(tiny(**settings))


def composition(**changes: Any) -> dict[str, Any]:
    """Return FedRIMA with some of its options changed."""
    return json.loads(config().method.model_dump_json()) | changes


def keys(**changes: Any) -> list[str]:
    made = config(**changes)
    return list(state_keys(made, initial_model(made)).values())


@dataclass
class Runner:
    folder: Path
    trained: list[int]

    def run(self, name: str, made: Config, store: Path | None) -> dict[str, Any]:
        """Run a federation; return what must not depend on whether states are shared."""
        directory = self.folder / name
        simulate(made, open_source(made), directory, [], store)
        results = json.loads((directory / "results.json").read_text())
        results.pop("time")
        results["transport"].pop("seconds")
        lines = [json.loads(s) for s in (directory / "rounds.jsonl").read_text().splitlines()]
        for line in lines:
            line.pop("seconds")
            line.pop("virtual_seconds")
            for site in line["sites"].values():
                for seconds in ("receiving", "computing", "sending", "measured"):
                    site.pop(seconds)
        files = ("predictions.csv", "model.safetensors")
        return {
            "results": results,
            "rounds": lines,
            **{file: (directory / file).read_bytes() for file in files},
        }


@pytest.fixture
def runner(tmp_path, monkeypatch):
    trained: list[int] = []
    original = Rounds._round

    def counted(self, plan, progress):
        trained.append(plan.number)
        return original(self, plan, progress)

    monkeypatch.setattr(Rounds, "_round", counted)
    monkeypatch.setattr("server.simulation.write_report", lambda directory, samples: directory)
    return Runner(tmp_path, trained)


@pytest.mark.parametrize(
    ("first", "second", "trained"),
    [
        ({}, {"method": composition(align_both="random", align_single="random")}, [2]),
        ({}, {"method": composition(predict="product")}, []),
        ({}, {"sites": [*SITES[:3], SITES[3] | {"style": 2.0}]}, []),
        ({"method": "experts"}, {"method": "concat_fusion"}, [2]),
        (
            {"method": "local"},
            {"method": "local", "sites": [*SITES[:3], SITES[3] | {"style": 2.0}]},
            [],
        ),
    ],
    ids=["alignment", "who-answers", "held-out-style", "other-network", "models-apart"],
)
def test_a_shared_state_changes_no_byte(first, second, trained, runner):
    store = runner.folder / "shared"
    store.mkdir()
    alone = runner.run("alone", config(**second), None)
    runner.run("first", config(**first), store)
    runner.trained.clear()
    assert runner.run("second", config(**second), store) == alone
    assert runner.trained == trained


def test_scores_in_mid_phase_are_shared_only_with_runs_that_score_alike():
    often = {"every": 1}
    training = {"rounds": 4, "batch_size": 8}
    fusion = composition(predict="product")
    assert (
        keys(evaluation=often, training=training)[1]
        != (keys(evaluation=often, training=training, method=fusion)[1])
    )
    assert keys() == keys(method=fusion)


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"training": {"rounds": 2, "batch_size": 8, "lr": 0.004}},
        {"training": {"rounds": 9, "batch_size": 8, "lr": 0.003}},
        {"sites": [SITES[0] | {"cases": 13}, *SITES[1:]]},
        {"data": {"source": "phantom", "image_size": 48, "volume_size": [4, 32, 32]}},
        {"server": {"fraction": 0.5}},
        {"method": composition(loss="plain")},
        {"method": composition(proximal=0.1)},
        {"method": composition(pool="as_is")},
        {"method": composition(combine={"scheme": "by_module", "average_last": 1})},
        {"evaluation": {"every": 99, "validation": 0.2}},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_whatever_has_a_hand_in_training_changes_every_key(changes):
    assert set(keys()).isdisjoint(keys(**changes))


@pytest.mark.parametrize(
    "option",
    [{"align_both": "none"}, {"fill": "zero"}, {"plan": False}, {"prototypes": 3}],
    ids=str,
)
def test_an_option_of_the_fusion_changes_the_key_of_its_phase_alone(option):
    encoders, fusion = keys()
    other_encoders, other_fusion = keys(method=composition(**option))
    assert encoders == other_encoders
    assert fusion != other_fusion


def test_the_content_of_a_file_of_weights_counts(tmp_path):
    file = tmp_path / "model.safetensors"
    found = []
    for seed in (1, 2):
        write_tensors(file, dict(initial_model(config(seed=seed))))
        found.append(keys(model={"init": str(file)}))
    assert set(found[0]).isdisjoint(found[1])
