from pathlib import Path

import pytest

from clients.fills.zero import Zero
from fed import running
from fed.config import Config, dump, resolve
from fed.errors import ConfigError

SITES = [
    {"name": "hospital", "modalities": ["fundus", "oct"], "count": 2, "cases": 10},
    {"name": "unseen", "role": "held_out", "modalities": ["fundus", "oct"], "cases": 10},
]


@pytest.fixture
def config() -> Config:
    return resolve({"sites": SITES})


def test_configuration_from_files_of_the_bundle_and_overrides() -> None:
    config = running.configured(
        {"config": "configs/deploy.yaml", "set": "training.rounds=7 'task.classes=[a, b]'"}
    )
    assert config.training.rounds == 7
    assert config.task.classes == ("a", "b")
    assert config.name == "deploy"


@pytest.mark.parametrize("value", ["configs/absent.yaml", ""])
def test_a_file_outside_the_bundle_is_refused(value: str) -> None:
    with pytest.raises(ConfigError, match="not in the bundle"):
        running.configured({"config": value, "set": ""})


def test_an_engine_passes_the_federation_itself() -> None:
    config = resolve({"sites": SITES})
    assert running.by_engine({"federation": config})
    assert running.configured({"federation": config}) is config
    assert not running.by_engine({"config": "configs/demo.yaml"})


def test_a_supernode_says_its_site(config: Config) -> None:
    assert running.site_name(config, {"site": "hospital-2"}) == "hospital-2"
    with pytest.raises(ConfigError, match=r"unknown site 'hospital'.*hospital-1"):
        running.site_name(config, {"site": "hospital"})
    with pytest.raises(ConfigError, match="--node-config 'site=\"hospital-1\"'"):
        running.site_name(config, {})


def test_a_simulated_node_counts_through_the_sites(config: Config) -> None:
    names = [running.site_name(config, {"partition-id": i, "num-partitions": 3}) for i in range(3)]
    assert names == ["hospital-1", "hospital-2", "unseen"]
    with pytest.raises(ConfigError, match="num-supernodes=3"):
        running.site_name(config, {"partition-id": 0, "num-partitions": 2})


def test_an_earlier_run_is_moved_aside(config: Config, tmp_path: Path) -> None:
    out = tmp_path / "flower"
    values = {"out": str(out), "resume": False}
    assert running.output_folder(config, values) == out
    (out / "config.yaml").write_text(dump(config))
    (out / "rounds.jsonl").touch()
    running.output_folder(config, values)
    assert (tmp_path / "flower.1" / "config.yaml").exists()
    assert list(out.iterdir()) == []


def test_only_the_same_run_is_resumed(config: Config, tmp_path: Path) -> None:
    values = {"out": str(tmp_path), "resume": True}
    with pytest.raises(ConfigError, match="no run to go on with"):
        running.output_folder(config, values)
    (tmp_path / "config.yaml").write_text(dump(config))
    assert running.output_folder(config, values) == tmp_path
    with pytest.raises(ConfigError, match="another configuration"):
        running.output_folder(resolve({"sites": SITES, "seed": 1}), values)


def test_a_site_loads_parts_of_others_only_from_packages_that_its_own_node_names() -> None:
    foreign = {"config": "configs/deploy.yaml", "set": "method.fill=clients.fills.zero:Zero"}
    with pytest.raises(ConfigError, match=r"does not load.*parts: none"):
        running.configured(foreign, running.trusted_parts({}))
    trusted = running.trusted_parts({"parts": "other, clients.fills"})
    assert running.configured(foreign, trusted).method.fill == Zero()


def test_nobody_attacks_a_deployment() -> None:
    attack = "attack.sites=[hospital] attack.how=scaled"
    with pytest.raises(ConfigError, match="attack: hospitals do not attack"):
        running.configured({"config": "configs/deploy.yaml", "set": attack})
