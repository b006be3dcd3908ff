from pathlib import Path

import pytest
import yaml

from fed.config import dump, load, resolve
from fed.errors import ConfigError

ROOT = Path(__file__).parents[3]
DEMO = ROOT / "configs" / "demo.yaml"


def test_later_files_win_key_by_key_and_lists_whole(tmp_path):
    later = tmp_path / "later.yaml"
    later.write_text(
        "training: {rounds: 3}\ntask: {classes: [mild, severe]}\nsites: [\n"
        " {name: a, modalities: [fundus, oct]},\n"
        " {name: b, role: held_out, modalities: [oct]}]\n"
    )
    config = load([DEMO, later])
    assert config.training.rounds == 3
    assert config.training.batch_size == load([DEMO]).training.batch_size
    assert [group.name for group in config.sites] == ["a", "b"]


def test_overrides_reach_into_lists_and_methods():
    config = load([DEMO], ["sites.0.count=7", "method.fill=zero", "seed=5"])
    assert (config.sites[0].count, config.method.fill, config.seed) == (7, "zero", 5)


def test_the_short_form_of_modalities():
    assert dict(load([DEMO]).sites[1].modalities) == {"fundus": 1.0, "oct": 0.0}


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda p: p.name)
def test_dump_reads_back_to_an_equal_configuration(path):
    config = load([path])
    assert resolve(yaml.safe_load(dump(config))) == config


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("trainin.rounds=1", "did you mean 'training'"),
        ("training.round=1", "did you mean 'rounds'"),
        ("sites.0.cout=1", "did you mean 'count'"),
        ("method.fil=zero", "did you mean 'fill'"),
        ("method=fedrma", "did you mean 'fedrima'"),
        ("sites.9.count=1", "allowed: 0 to 3"),
        ("sites.3.role=train", "no group has role held_out"),
        ("sites.0.labels=[1, 2]", "2 proportions for 4 classes"),
        ("data.source=manifest", "data.path is needed"),
        ("privacy.clip=1", "only null"),
        ("training", "KEY=VALUE"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(override, words):
    with pytest.raises(ConfigError) as caught:
        load([DEMO], [override])
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_yaml_is_named(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("a: [1,\nb: }")
    with pytest.raises(ConfigError, match=r"bad\.yaml: not valid YAML"):
        load([path])
