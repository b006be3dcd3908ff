"""Every way to get a key wrong is answered by one line: key, trouble, what is allowed."""

from pathlib import Path

import pytest

from fed.config import load
from fed.config.refusal import LONGEST_VALUE, shown
from fed.errors import ConfigError

DEMO = Path(__file__).parents[3] / "configs" / "demo.yaml"


def refusal(override, path=DEMO):
    with pytest.raises(ConfigError) as caught:
        load([path], [override])
    message = str(caught.value)
    assert "\n" not in message
    for jargon in ("Input should", "constrained", "instance of", "dictionary", "tuple", "[key]"):
        assert jargon not in message
    return message


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("sites.0.count=-1", "sites.0.count: must be at least 0; got -1"),
        ("sites.0.count=1.5", "sites.0.count: expected a whole number; got 1.5"),
        ("training.rounds=many", "training.rounds: expected a whole number; got 'many'"),
        ("training.lr=0", "training.lr: must be above 0; got 0"),
        ("training.lr=.inf", "training.lr: expected a finite number; got inf"),
        ("training.lr=fast", "training.lr: expected a number; got 'fast'"),
        ("method.phases.0.lr=.inf", "method.phases.0.lr: expected a finite number; got inf"),
        ("training.augment=maybe", "training.augment: expected true or false; got 'maybe'"),
        ("training=5", "training: expected keys and values; got 5"),
        ("sites=5", "sites: expected a list; got 5"),
        ("sites=[]", "sites: expected 1 or more entries; got []"),
        ("data.volume_size=[1, 16]", "data.volume_size.2: this key is needed"),
        ("task.classes=[a]", "task.classes: expected 2 or more entries; got ['a']"),
        ("task.classes=[a, a]", "task.classes: class names must differ from each other"),
        ("engine.name=spark", "engine.name: allowed: auto, inline, ray; got 'spark'"),
        ("method=5", "method: expected keys and values; got 5"),
        ("method={name: x}", "method.phases: this key is needed"),
        ("sites.0.resources.availability=2", "sites.0.resources.availability: must be at most 1"),
        ("study={seeds: []}", "study.seeds: expected 1 or more entries"),
        ("evaluation.conditions=[both, both]", "evaluation.conditions: conditions must differ"),
    ],
)
def test_wordings(override, message):
    assert refusal(override).startswith(message)


@pytest.mark.parametrize("value", ["-1", "0", "1.5", "abc", "[]", "true"])
def test_a_number_of_cases_none_of_whose_forms_fits_is_told_all_forms(value):
    message = refusal(f"sites.0.cases={value}")
    assert message.startswith("sites.0.cases: allowed: a number from 1, a share")
    assert "{median, spread}" in message


@pytest.mark.parametrize("value", ["even", "[1, 1, 1, a]", "[-1, 1, 1, 1]", "3"])
def test_label_proportions_none_of_whose_forms_fits_are_told_all_forms(value):
    message = refusal(f"sites.0.labels={value}")
    assert message.startswith("sites.0.labels: allowed: {dirichlet: a}, a list")
    assert "natural" in message


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("sites.0.cases={medain: 3}", "sites.0.cases.medain: unknown key; did you mean 'median'?"),
        ("sites.0.cases={median: 0}", "sites.0.cases.median: must be above 0; got 0"),
        ("sites.0.cases={spread: 1}", "sites.0.cases.median: this key is needed"),
        ("sites.0.labels={dirichle: 1}", "sites.0.labels.dirichle: unknown key; did you mean"),
        ("sites.0.labels={dirichlet: 0}", "sites.0.labels.dirichlet: must be above 0; got 0"),
        (
            "sites.0.labels={dirichlet: 1, around: [1, 1, 1]}",
            "sites.tertiary.labels: 3 proportions for 4 classes; give one number a class",
        ),
    ],
)
def test_a_mapping_among_several_forms_is_refused_by_its_keys(override, message):
    assert refusal(override).startswith(message)


@pytest.mark.parametrize(
    ("override", "suggestion"),
    [
        ("trainig={}", "training"),
        ("task.clases=[a, b]", "classes"),
        ("data.pth=x", "path"),
        ("sites.0.modalites=[oct]", "modalities"),
        ("sites.0.resources.spede=1", "speed"),
        ("method.align.singel=null", "single"),
        ("method.phases.1.trian=[heads]", "trains"),
        ("evaluation.bootsrap=1", "bootstrap"),
    ],
)
def test_an_unknown_key_at_any_depth_is_answered_by_the_nearest(override, suggestion):
    assert f"did you mean {suggestion!r}?" in refusal(override)


def test_an_unknown_key_goes_before_the_key_it_was_meant_to_be(tmp_path):
    path = tmp_path / "misspelt.yaml"
    path.write_text("sites: [{name: a, modality: [fundus]}]")
    with pytest.raises(ConfigError, match=r"sites\.0\.modality: .* mean 'modalities'"):
        load([path])


@pytest.mark.parametrize(
    "override", ["training.rounds=yes", "training.lr=true", "sites.0.paired=yes", "seed=no"]
)
def test_yes_and_no_are_not_numbers(override):
    assert "expected a number" in refusal(override)


@pytest.mark.parametrize("value", ["[mri]", "{mri: 1.0}", "{fundus: 1.0, mri: 1.0}"])
def test_an_unknown_modality_is_named(value):
    message = refusal(f"sites.0.modalities={value}")
    assert message == "sites.0.modalities: unknown modality 'mri'; allowed: fundus, oct"


def test_a_class_that_yaml_reads_as_no_asks_for_quotes():
    assert "quotes; got False" in refusal("task.classes=[no, mild, moderate, severe]")


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("sites.1.name=tertiary", "two groups are named 'tertiary'"),
        ("sites.0.modalities=[]", "sites.tertiary.modalities: a site needs at least one"),
        ("sites.3.role=train", "no group has role held_out"),
        ("sites.0.labels=[0, 0, 0, 0]", "sites.tertiary.labels: proportions must not all be 0"),
        ("training.rounds=1", "1 rounds for the 2 phases of fedrima"),
        ("method.phases.1.name=encoders", "names must differ"),
        ("method.phases.0.trains=[heads]", None),
        (
            "method.phases=[{name: a, trains: [encoders]}, "
            "{name: b, trains: [heads, predictors, fusion]}]",
            "a trains encoders, which learn through heads or fusion",
        ),
        ("method.phases.1.trains=[fusion]", "fill: needs a phase that trains predictors"),
        (
            "method.phases.1.trains=[predictors]",
            "predict: fusion needs a phase that trains fusion",
        ),
    ],
)
def test_what_contradicts_itself_is_named(override, words):
    if words is None:
        load([DEMO], [override])
    else:
        assert words in refusal(override)


@pytest.mark.parametrize("modality", ["fundus", "oct"])
def test_a_federation_of_one_modality_is_judged_by_that_alone(tmp_path, modality):
    path = tmp_path / "one.yaml"
    path.write_text(
        f"sites:\n- {{name: a, modalities: [{modality}]}}\n"
        f"- {{name: b, role: held_out, modalities: [fundus, oct]}}\n"
    )
    config = load([path])
    assert config.modalities == config.evaluation.conditions == (modality,)
    words = rf"conditions: both needs a modality that no training group owns; allowed: {modality}"
    with pytest.raises(ConfigError, match=words):
        load([path], [f"evaluation.conditions=[both, {modality}]"])


def test_long_values_are_cut():
    assert shown("x") == "'x'"
    assert len(shown(list(range(1000)))) == LONGEST_VALUE + 1


def test_what_is_far_too_long_is_cut_in_the_middle() -> None:
    words = str(ConfigError("the head " + "x" * 10_000 + " the tail"))
    assert words.startswith("the head ")
    assert words.endswith(" the tail")
    assert len(words) < 2000
