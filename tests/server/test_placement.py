"""Which engine `auto` takes, against what the two take by the same arithmetic."""

from pathlib import Path
from typing import Any

import pytest

import fedrima
from fed.config import DEMO, Config, load
from fed.data.opening import open_source
from fed.sites import SiteCard
from server import placement
from server.placement import alone, placed
from server.simulation import cards_of


def demo(**changes: Any) -> Config:
    return load([DEMO], changes)


def engine(config: Config, cpus: int) -> str:
    return placed(config, cards(config), cpus).engine.name


def cards(config: Config) -> list[SiteCard]:
    return cards_of(open_source(config), config)


def test_it_is_the_default() -> None:
    assert demo().engine.name == "auto"


def test_the_demo_is_shared_out_and_a_small_federation_is_not() -> None:
    assert engine(demo(), 2) == "ray"
    assert engine(demo(**{"training.rounds": 2}), 2) == "inline"


def test_one_core_gains_nothing() -> None:
    assert engine(demo(), 1) == "inline"


def test_one_site_gains_nothing_on_many_cores() -> None:
    big = {"name": "only", "modalities": ["fundus", "oct"], "cases": 100_000}
    judged = {"name": "unseen", "role": "held_out", "modalities": ["fundus", "oct"], "cases": 10}
    assert engine(demo(sites=[big, judged]), 16) == "inline"
    assert engine(demo(sites=[big | {"count": 2}, judged]), 16) == "ray"


def test_sites_that_only_judge_stay_in_this_process() -> None:
    judging = [card for card in cards(demo()) if card.role == "held_out"]
    assert placed(demo(), judging, 16).engine.name == "inline"


def test_the_eyes_that_are_there_count_not_those_of_the_configuration() -> None:
    few = demo(**{f"sites.{group}.cases": 8 for group in range(4)})
    assert placed(demo(), cards(few), 2).engine.name == "inline"
    assert placed(few, cards(demo()), 2).engine.name == "ray"


def test_workers_pay_where_they_save_more_than_they_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = 40.0
    monkeypatch.setattr(placement, "phase_seconds", lambda *_: [seconds])
    monkeypatch.setattr(placement, "RAY_START_S", 19.9)
    assert engine(demo(), 2) == "ray"  # 20 s saved
    monkeypatch.setattr(placement, "RAY_START_S", 20.1)
    assert engine(demo(), 2) == "inline"
    assert engine(demo(), 4) == "ray"  # 30 s saved


@pytest.mark.parametrize(
    "asked",
    [
        {"engine.workers": 2},
        {"engine.address": "auto"},
        {"engine.gpus_per_worker": 0.5},
    ],
)
def test_who_asks_for_workers_gets_them(asked: dict[str, Any]) -> None:
    assert engine(demo(**{"training.rounds": 2}, **asked), 1) == "ray"


def test_the_published_scale_stays_in_this_process() -> None:
    assert engine(demo(**{"model.scale": "paper"}), 16) == "inline"


@pytest.mark.parametrize("name", ["inline", "ray"])
def test_an_engine_that_is_named_stays(name: str) -> None:
    config = demo(**{"engine.name": name})
    assert placed(config, cards(config), 2) is config
    assert alone(config) is config


def test_nothing_but_the_engine_changes() -> None:
    config = demo()
    changed = placed(config, cards(config), 2)
    assert changed.model_copy(update={"engine": config.engine}) == config
    assert alone(config).engine.name == "inline"


def test_the_results_name_the_engine_that_ran_and_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = {f"sites.{group}.cases": 8 for group in range(4)}
    tiny |= {f"sites.{group}.count": 1 for group in range(4)}
    tiny |= {"training.rounds": 2, "evaluation.bootstrap": 0, "data.image_size": 32}
    tiny |= {"data.volume_size": [4, 32, 32]}
    small = fedrima.run(DEMO, tiny, tmp_path / "small")
    monkeypatch.setattr(placement, "RAY_START_S", -1.0)
    monkeypatch.setattr(placement, "usable_cpus", lambda: 2)
    large = fedrima.run(DEMO, tiny, tmp_path / "large")
    assert (small.results.engine, large.results.engine) == ("inline", "ray")
    for name in ("model.safetensors", "predictions.csv"):
        assert (tmp_path / "small" / name).read_bytes() == (tmp_path / "large" / name).read_bytes()
