"""Runs that start from the state another left end with the same bytes as if they trained it all."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fed.config import Config, resolve
from fed.config.prefix import state_key
from fed.data.opening import open_source
from fed.errors import ConfigError
from fed.initial import initial_model
from fed.storage import write_tensors
from fed.study.plan import plan
from server.federation import Federation
from server.simulation import simulate
from server.start import check_start
from server.study import jobs_of
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
    return {"base": "fedrima", "name": "changed"} | changes


def keys(**changes: Any) -> list[str]:
    made = config(**changes)
    return [state_key(made, phases + 1) for phases in range(len(made.method.phases))]


@dataclass
class Runner:
    folder: Path
    trained: list[int]

    def run(self, name: str, made: Config, start: Path | None = None) -> dict[str, Any]:
        """Run a federation; return what must not depend on where it started."""
        directory = self.folder / name
        self.trained.clear()
        made = made.model_copy(update={"start": None if start is None else str(start)})
        simulate(made, open_source(made), directory, [])
        results = json.loads((directory / "results.json").read_text())
        results.pop("time")
        results["transport"].pop("seconds")
        files = ("predictions.csv", "model.safetensors")
        return {
            "results": {key: results[key] for key in ("held_out", "rounds_completed", "transport")},
            **{file: (directory / file).read_bytes() for file in files},
        }


@pytest.fixture
def runner(tmp_path, monkeypatch):
    trained: list[int] = []
    original = Federation._train

    def counted(self, algorithm, state, plan):
        trained.append(plan.number)
        return original(self, algorithm, state, plan)

    monkeypatch.setattr(Federation, "_train", counted)
    monkeypatch.setattr("server.simulation.write_report", lambda directory, samples: directory)
    return Runner(tmp_path, trained)


@pytest.mark.parametrize(
    ("first", "second", "trained"),
    [
        ({"method": "experts"}, {"method": composition(align="random")}, [2]),
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
def test_a_run_that_starts_from_anothers_state_ends_with_the_same_bytes(
    first, second, trained, runner
):
    alone = runner.run("alone", config(**second))
    runner.run("first", config(**first))
    assert runner.run("second", config(**second), runner.folder / "first") == alone
    assert runner.trained == trained


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seed": 1}, "another seed"),
        ({"method": composition(loss="plain")}, "another method.loss"),
        ({"method": "fedavg"}, "another method"),
    ],
)
def test_a_start_that_does_not_fit_is_refused_by_what_differs(changes, words, runner):
    runner.run("first", config(method="experts"))
    other = config(**changes).model_copy(update={"start": str(runner.folder / "first")})
    with pytest.raises(ConfigError, match=words):
        check_start(other)


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"holds no config\.yaml"):
        check_start(config().model_copy(update={"start": str(tmp_path)}))


BEST = {"every": 1, "validation": 0.3, "keep": "best"}


def test_what_may_stop_early_is_no_start(runner):
    runner.run("first", config(method="experts", evaluation=BEST | {"patience": 1}))
    other = config(evaluation={"every": 99, "validation": 0.3})
    with pytest.raises(ConfigError, match=r"out of evaluation\.patience"):
        check_start(other.model_copy(update={"start": str(runner.folder / "first")}))


def test_the_best_round_is_not_chosen_where_another_run_trained_them_all(runner):
    runner.run("first", config(evaluation={"every": 99, "validation": 0.3}))
    best = config(evaluation=BEST).model_copy(update={"start": str(runner.folder / "first")})
    with pytest.raises(ConfigError, match=r"no round to choose"):
        check_start(best)


def test_runs_that_choose_their_round_share_all_phases_but_the_last():
    """Their last phase is scored round by round, which phases on behalf of others are not."""
    vary = {"evaluation.triage": [None, {}]}
    shared = {}
    for keep in ("best", "last"):
        asked = BEST | {"keep": keep}
        study = {"seeds": [100], "methods": ["fedrima"], "vary": vary}
        jobs = jobs_of(plan(config(evaluation=asked, study=study)), Path("study"))
        shared[keep] = [len(job.config.method.phases) for job in jobs if job.run is None]
    assert shared == {"best": [1], "last": [2]}


def test_scores_have_no_hand_in_a_state():
    assert keys() == keys(evaluation={"every": 1}) == keys(method=composition(predict="product"))


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
        {"method": composition(terms=["proximal"])},
        {"method": composition(pool="as_is")},
        {"method": composition(average_last=1)},
        {"evaluation": {"every": 99, "validation": 0.2}},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_whatever_has_a_hand_in_training_changes_every_key(changes):
    assert set(keys()).isdisjoint(keys(**changes))


@pytest.mark.parametrize(
    "option",
    [{"align": {"both": None}}, {"fill": "zero"}, {"plan": False}, {"prototypes": 3}],
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
