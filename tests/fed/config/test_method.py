from typing import Any

import pytest
import yaml

from clients.partners.random import Random
from fed.config import dump, load, resolve
from fed.config.loading import METHODS
from fed.errors import ConfigError
from fed.schedule import phase_lengths
from server.optimizers.fedadam import FedAdam
from server.optimizers.fedavg import FedAvg
from server.optimizers.fedavgm import FedAvgM
from tests.fed.config.test_loading import DEMO

PRESETS = sorted(path.stem for path in METHODS.glob("*.yaml"))


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_has_the_name_of_its_file_and_says_what_it_is(preset):
    method = load([DEMO], [f"method={preset}"]).method
    assert method.name == preset
    assert method.summary


def test_a_method_may_be_another_with_some_keys_changed():
    config = load([DEMO])
    own = {"base": "labelled_transport", "name": "mine", "weight": {"both_share": 0.25}}
    raw = {**config.model_dump(), "method": own}
    method, base = resolve(raw).method, load([DEMO], ["method=labelled_transport"]).method
    assert (method.name, method.weight.both_share) == ("mine", 0.25)
    assert (method.align, method.average_last) == (base.align, base.average_last)
    assert method.phases == config.method.phases


def test_the_method_chooses_the_server_optimizer_unless_the_configuration_does():
    assert load([DEMO], ["method=fedadam"]).server_optimizer == FedAdam(lr=0.01)
    asked = load([DEMO], ["method=fedadam", "server.optimizer=fedavgm"])
    assert asked.server_optimizer == FedAvgM()
    assert load([DEMO]).server_optimizer == FedAvg()


def test_a_part_named_anew_comes_with_options_of_its_own():
    raw = {"base": "fedadam", "name": "x", "server_optimizer": {"use": "fedavgm", "momentum": 0.5}}
    method = resolve({**load([DEMO]).model_dump(), "method": raw}).method
    assert method.server_optimizer == FedAvgM(momentum=0.5)


def test_align_is_short_for_both_kinds_of_sites():
    align = load([DEMO], ["method.align=random"]).method.align
    assert align.both == align.single == Random()


def on_features(**changes: Any) -> dict[str, Any]:
    files = {"source": "manifest", "path": "eyes.csv", "label": "grade"}
    frozen = {"fundus": {"encoder": "own"}, "oct": {"encoder": "own"}}
    raw = load([DEMO]).model_dump() | {"data": files, "model": {"frozen": frozen}}
    return raw | {"method": "fedrima", "training": {"rounds": 8}} | changes


def test_on_frozen_encoders_the_heads_of_the_first_phase_are_solved_for():
    config = resolve(on_features())
    first, second = config.method.phases
    assert (first.name, first.trains, first.solve is None) == ("heads", ("heads",), False)
    assert second.trains == ("predictors", "fusion")
    assert phase_lengths(config) == [1, 7]
    assert config.method.name == "fedrima"
    assert resolve(yaml.safe_load(dump(config))) == config
    changed = resolve(on_features(method={"base": "fedrima", "average_last": 2})).method
    assert changed.name == "fedrima-average-last-2"


@pytest.mark.parametrize(
    "changes",
    [
        {"model": {"frozen": {"fundus": {"encoder": "own"}}}},
        {"privacy": {"epsilon": 8.0}},
        {"method": "experts"},
    ],
)
def test_heads_are_trained_where_an_encoder_is_or_patients_are_noised(changes):
    assert all(phase.solve is None for phase in resolve(on_features(**changes)).method.phases)


def test_a_fusion_has_no_closed_form_on_frozen_encoders():
    phases = [{"name": "all", "trains": ["encoders", "fusion"], "on_frozen": {}}]
    with pytest.raises(ConfigError, match="on_frozen: solves for the heads"):
        resolve(on_features(method={"name": "mine", "phases": phases}))


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("method={base: fedrma, name: x}", "did you mean 'fedrima'"),
        ("method.phases.0.share=0.9", "add up to 1.06"),
        ("method.predictors=false", "a phase trains them"),
        ("method.terms=[distillation]", "trains fusion and heads together"),
        ("method.terms=[contrast]", "trains encoders and fusion together"),
        ("method.send=nothing", "leaves every site alone"),
        ("method.align.single=pairs", "find their partners in the bank"),
        ("method.server_optimizer=adam", "Allowed: fedadam, fedavg, fedavgm"),
        ("method.server_optimizer={use: fedadam, tua: 1}", "did you mean 'tau'?"),
        ("method.reduce={use: trimmed_mean, cut: 0.7}", "trimmed_mean.cut"),
        ("method.align_both=pairs", "method.align.both"),
        ("method=random_pairing", "method: random_pairing is now fedrima"),
        ("training.channels_last=true", "training.channels_last: is now how the weights"),
        ("method.combine={scheme: uniform}", "method.send"),
    ],
)
def test_parts_that_do_not_fit_are_refused(override, words):
    with pytest.raises(ConfigError) as caught:
        load([DEMO], [override])
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("preset", "arrangement"),
    [("fedrima", "federated"), ("pooled_incomplete", "pooled"), ("local", "apart")],
)
def test_a_method_knows_who_trains_with_whom(preset, arrangement):
    assert load([DEMO], [f"method={preset}"]).method.arrangement == arrangement


@pytest.mark.parametrize(
    ("override", "name"),
    [
        ("method.fill=zero", "fedrima-fill-zero"),
        ("method={base: fedrima, align: {both: pairs}}", "fedrima-align-both-pairs"),
        ("method={base: fedrima, name: mine, fill: zero}", "mine"),
        ("method.fill=prototype", "fedrima"),
        ("method={base: fedrima, fill: zero, plan: false, loss: plain, clusters: 2}", "fedrima-"),
    ],
)
def test_a_changed_method_is_never_called_by_the_unchanged_ones_name(override, name):
    found = load([DEMO], [override]).method.name
    assert found == name or (name.endswith("-") and found.startswith(name) and len(found) < 60)
