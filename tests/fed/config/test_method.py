import pytest

from fed.config import load, resolve
from fed.config.loading import METHODS
from fed.errors import ConfigError
from tests.fed.config.test_loading import DEMO

PRESETS = sorted(path.stem for path in METHODS.glob("*.yaml"))


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_has_the_name_of_its_file_and_says_what_it_is(preset):
    method = load([DEMO], [f"method={preset}"]).method
    assert method.name == preset
    assert method.summary


def test_a_method_may_be_another_with_some_keys_changed():
    config = load([DEMO])
    own = {"base": "random_pairing", "name": "mine", "combine": {"both_share": 0.25}}
    raw = {**config.model_dump(), "method": own}
    method, base = resolve(raw).method, load([DEMO], ["method=random_pairing"]).method
    assert (method.name, method.align_both, method.combine.both_share) == ("mine", "random", 0.25)
    assert method.combine.average_last == base.combine.average_last
    assert method.phases == config.method.phases


def test_the_method_chooses_the_server_optimizer_unless_the_configuration_does():
    step = load([DEMO], ["method=fedadam"]).server_step
    assert (step.optimizer, step.lr) == ("fedadam", 0.01)
    asked = load([DEMO], ["method=fedadam", "server.optimizer=fedavgm"]).server_step
    assert (asked.optimizer, asked.lr) == ("fedavgm", None)
    assert load([DEMO]).server_step.optimizer == "fedavg"


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("method={base: fedrma, name: x}", "did you mean 'fedrima'"),
        ("method.phases.0.share=0.9", "add up to 1.06"),
        ("method.predictors=false", "a phase trains them"),
        ("method.distil=1", "trains heads and fusion together"),
        ("method.contrast=1", "trains encoders and fusion together"),
        ("method.combine.scheme=none", "leaves every site alone"),
        ("method.align_single=pairs", "allowed: none, labelled"),
        ("method.server.optimizer=adam", "allowed: fedavg, fedavgm, fedadam"),
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
