from pathlib import Path

import pytest
import yaml

from clients.fills.zero import Zero
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
    assert (config.sites[0].count, config.method.fill, config.seed) == (7, Zero(), 5)


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
        ("privacy.min_patients=1", "must be at least 2"),
        ("privacy.epsilon=8", "model.normalisation: batch"),
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


def test_the_keys_of_the_contract_at_their_idle_values_are_taken():
    config = load([DEMO], ["study=null", "evaluation.onboarding=null", "server.deadline_s=null"])
    assert config == load([DEMO])


def test_numbers_keep_their_meaning():
    forms = {"1": int, "150": int, "1.0": float, "0.36": float, "[a, b]": tuple}
    for text, kind in forms.items():
        assert type(load([DEMO], [f"sites.0.cases={text}"]).sites[0].cases) is kind
    assert load([DEMO], ["training.lr=1e-3"]).training.lr == 1e-3  # YAML reads a text there


def test_dump_keeps_every_form(tmp_path):
    overrides = [
        "sites.0.cases=1.0",
        "sites.1.cases=[north, south]",
        "sites.2.labels=[1, 2, 3, 4]",
        "sites.0.modalities={oct: 0.25, fundus: 1.0}",
        "server.deadline_s=1.0e-3",
        "method=experts",
        "method.average_last=2",
    ]
    config = load([DEMO], overrides)
    path = tmp_path / "config.yaml"
    path.write_text(dump(config))
    again = load([path])
    assert again == config
    assert [type(g.cases) for g in again.sites] == [type(g.cases) for g in config.sites]
    assert dump(again) == dump(config)


def test_overrides_reach_into_the_default_method(tmp_path):
    path = tmp_path / "plain.yaml"
    path.write_text(
        "sites:\n- {name: a, modalities: [fundus, oct]}\n"
        "- {name: b, role: held_out, modalities: [oct]}\n"
    )
    method = load([path], ["method.weight.both_share=0.25"]).method
    assert (method.name, method.weight.both_share) == ("fedrima-weight-both-share-0.25", 0.25)


def test_overrides_do_not_change_what_was_loaded_before():
    before = load([DEMO])
    load([DEMO], ["sites.0.count=7", "method.fill=zero"])
    assert load([DEMO]) == before


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        ("- 1\n- 2\n", "holds a list; expected keys and values"),
        ("", "sites: this key is needed"),
    ],
)
def test_a_file_that_is_no_configuration_is_named(tmp_path, content, words):
    path = tmp_path / "odd.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=words):
        load([path])


def test_a_file_that_is_no_text_is_named(tmp_path):
    path = tmp_path / "image.yaml"
    path.write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(ConfigError, match=r"image\.yaml: not"):
        load([path])


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("sites.0.cases.median=3", "sites.0.cases is 50, which holds no keys"),
        ("seed.x=1", "seed is 3, which holds no keys"),
        ("=3", "expected KEY=VALUE"),
        ("training={a", "the value is not valid YAML"),
        ("sites.x.count=1", "no such entry; allowed: 0 to"),
    ],
)
def test_overrides_that_lead_nowhere(override, words):
    with pytest.raises(ConfigError, match=words):
        load([DEMO], ["sites.0.cases=50", "seed=3", override])


def test_a_key_given_twice_is_refused(tmp_path):
    path = tmp_path / "twice.yaml"
    path.write_text(DEMO.read_text() + "\nseed: 1\nseed: 2\n")
    with pytest.raises(ConfigError, match=r"twice\.yaml: .*'seed' is there twice"):
        load([path])


def test_the_onboarding_study_trains_on_the_sites_of_the_small_region():
    studies = ROOT / "configs" / "studies"
    onboarding, small = load([studies / "onboarding.yaml"]), load([studies / "small.yaml"])
    trained = [group for group in onboarding.sites if group.role == "train"]
    assert trained == [group for group in small.sites if group.role == "train"]


@pytest.mark.parametrize("depth", [1500])
def test_yaml_that_no_person_writes_is_refused_in_one_line(tmp_path, depth):
    path = tmp_path / "deep.yaml"
    path.write_text("a: " + "[" * depth + "]" * depth)
    with pytest.raises(ConfigError, match="nested too deep"):
        load([path])
    path.write_text("seed: " + "9" * 5000)
    with pytest.raises(ConfigError, match="not valid YAML"):
        load([path])
    with pytest.raises(ConfigError, match="not valid YAML"):
        load([DEMO], ["seed=" + "9" * 5000])
    with pytest.raises(ConfigError, match="no such entry"):
        load([DEMO], ["sites.²=1"])


def test_a_base_that_leads_back_to_itself_is_refused(tmp_path):
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text("base: two.yaml")
    two.write_text("base: one.yaml")
    with pytest.raises(ConfigError, match="leads back to itself"):
        load([one])
    mine = tmp_path / "mine.yaml"
    mine.write_text(f"base: {mine}")
    with pytest.raises(ConfigError, match="leads back to itself"):
        load([DEMO], [f"method={mine}"])


def test_a_method_may_be_a_file_of_ones_own_and_is_called_like_it(tmp_path):
    path = tmp_path / "nearest.yaml"
    path.write_text("{base: fedrima, fill: zero}")
    method = load([DEMO], [f"method={path}"]).method
    assert (method.name, method.fill) == ("nearest", Zero())


def test_a_file_that_comes_with_the_program_is_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load([Path("configs/demo.yaml")], {"training.rounds": 2}).training.rounds == 2
    with pytest.raises(ConfigError, match="cannot be read"):
        load([Path("configs/absent.yaml")])


def test_a_mapping_is_a_configuration():
    raw = {"sites": [{"name": "a", "modalities": ["fundus"]}], "evaluation": {"conditions": []}}
    assert load(raw, {"seed": 3}).seed == 3


def test_axes_of_volumes_are_each_said_once() -> None:
    sites = [
        {"name": name, "role": role, "modalities": ["oct"], "cases": 8}
        for name, role in (("a", "train"), ("b", "held_out"))
    ]
    data = {"oct_axes": ["depth", "width", "slices"]}
    assert resolve({"sites": sites, "data": data}).data.oct_axes == ("depth", "width", "slices")
    with pytest.raises(ConfigError, match=r"oct_axes: each of slices, depth, width once"):
        resolve({"sites": sites, "data": {"oct_axes": ["depth", "depth", "slices"]}})
