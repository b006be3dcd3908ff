from pathlib import Path

import pytest

from fed.config import resolve
from fed.config.loading import load
from fed.errors import ConfigError
from fed.study.plan import content_hash, plan, quick, reference
from tests.acceptance.federations import tiny

STUDIES = sorted(
    path
    for path in (Path(__file__).parents[3] / "configs" / "studies").glob("*.yaml")
    if "\nstudy:" in path.read_text()
)


def study(**settings):
    return resolve(tiny(study={"seeds": [100, 101]} | settings))


def test_every_combination_is_a_run_with_its_own_configuration():
    runs = plan(study(methods=["fedavg", "experts"], vary={"training.lr": [0.01, 0.02]}))
    assert len(runs) == len({run.folder for run in runs}) == 2 * 2 * 2
    last = runs[-1]
    assert (last.method, last.seed, last.setting) == ("experts", 101, "training.lr=0.02")
    assert last.config.method.name == "experts"
    assert (last.config.seed, last.config.training.lr) == (101, 0.02)
    assert last.config.study is None


def test_keys_that_go_together_are_one_level_and_groups_may_be_empty():
    runs = plan(study(vary={"share": {"none": {"sites.0.count": 0}, "all": {"sites.0.count": 3}}}))
    assert [run.setting for run in runs[:2]] == ["share=none", "share=all"]
    assert [group.name for group in runs[0].config.sites] == ["clinic", "imaging", "unseen"]
    assert runs[1].config.sites[0].count == 3


def test_a_method_takes_what_was_chosen_for_it_under_a_level():
    runs = plan(
        study(
            methods=["fedavg", "experts"],
            seeds=[100],
            vary={"out": {"a": {"training.lr": 0.1}, "b": {"training.lr": 0.2}}},
            tuned={"experts": {"b": {"training.lr": 0.3, "training.rounds": 7}}},
        )
    )
    chosen = {(run.method, run.setting): run.config.training for run in runs}
    assert [chosen["fedavg", f"out={at}"].lr for at in "ab"] == [0.1, 0.2]
    assert [chosen["experts", f"out={at}"].lr for at in "ab"] == [0.1, 0.3]
    assert chosen["experts", "out=b"].rounds == 7


def test_a_study_that_varies_nothing_may_be_tuned_too():
    chosen = {"experts": {"as configured": {"training.rounds": 7}}}
    runs = plan(study(methods=["fedavg", "experts"], seeds=[100], tuned=chosen, vary={}))
    assert [run.config.training.rounds for run in runs][1] == 7


def test_a_run_is_known_by_what_its_results_depend_on():
    base = resolve(tiny())
    assert content_hash(base) == content_hash(resolve(tiny(engine={"name": "ray", "workers": 3})))
    assert content_hash(base) != content_hash(resolve(tiny(seed=1)))


def test_the_reference_is_a_method_or_of_one_method_a_setting():
    several = study(methods=["fedavg", "experts"], reference="experts")
    assert reference(several, plan(several)) == "experts"
    one = study(vary={"training.lr": [0.01, 0.02]}, baseline="training.lr=0.02")
    assert reference(one, plan(one)) == "training.lr=0.02"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"seeds": [1, 1]}, "study.seeds: 1 is there twice"),
        ({"methods": ["fedavg", "fedrma"]}, "study, fedrma, as configured: method: unknown method"),
        ({"methods": ["fedavg"], "reference": "experts"}, "study.reference: 'experts'"),
        ({"vary": {"seed": [1]}}, "study.vary.seed: use study.seeds"),
        ({"vary": {"training.lr": 0.1}}, "study.vary.training.lr: allowed: a list of values"),
        ({"vary": {"training.lrr": [1]}}, "study, fedrima, training.lrr=1: training.lrr: unknown"),
        ({"vary": {"training.lr": [-1]}}, "study, fedrima, training.lr=-1: training.lr: must be"),
        (
            {"methods": ["fedavg"], "tuned": {"fedavg": {"x": {}}}},
            "study.tuned.fedavg: 'x' is the label of no level; allowed: as configured",
        ),
        ({"baseline": "x", "vary": {"training.lr": [1, 2]}}, "study.baseline: no setting 'x'"),
        ({"select": "validation", "seeds": [0]}, "study.select: validation needs evaluation"),
        ({"select": "validation"}, "study.seeds: 100 is for results"),
        ({"metric": "acu"}, "study.metric: no metric 'acu'; did you mean 'auc'"),
        ({"figures": ["auc", "f1"]}, "study.figures: no metric 'f1'"),
        ({"tables": ["kappa"]}, "study.tables: 'kappa' is not one of study.figures"),
        (
            {"endpoint": {"method": "a", "against": "b", "metric": "auk"}},
            "study.endpoint.metric: no metric 'auk'; did you mean 'auc'",
        ),
        ({"seed": [1]}, "study.seed: unknown key; did you mean 'seeds'"),
    ],
)
def test_bad_values_are_refused_in_one_line(settings, words):
    with pytest.raises(ConfigError) as caught:
        plan(study(**settings))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_study_of_the_project_can_be_planned_and_made_coarse(path):
    config = load([path])
    assert config.name == path.stem
    whole, coarse = plan(config), plan(quick(config))
    assert len(coarse) < len(whole)
    assert all(run.config.training.rounds <= 3 for run in coarse)
    assert {run.folder for run in whole}.isdisjoint(run.folder for run in coarse)


@pytest.mark.parametrize(
    "vary",
    [
        {"training.rounds": [24, 30, 36]},
        {"how": {"short": {"training.rounds": 24}, "long": {"training.rounds": 36}}},
    ],
)
def test_a_coarse_study_of_rounds_keeps_their_proportions(vary):
    coarse = plan(quick(study(vary=vary)))
    assert {run.config.training.rounds for run in coarse} == {2, 3}


@pytest.mark.parametrize("rounds", ["many", -1])
def test_wrong_rounds_are_left_for_the_plan_to_refuse(rounds):
    with pytest.raises(ConfigError, match=r"training\.rounds"):
        plan(quick(study(vary={"training.rounds": [12, rounds]})))


def test_methods_of_a_study_may_be_files_or_written_out(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("{base: fedrima, fill: zero}")
    written = {"base": "fedrima", "name": "adjusted", "loss": "plain"}
    made = study(methods=["fedavg", str(path), written], reference="mine")
    runs = {run.method: run.config.method for run in plan(made)}
    assert list(runs) == ["fedavg", "mine", "adjusted"]
    assert [method.name for method in runs.values()] == list(runs)
    assert runs["mine"].fill != runs["adjusted"].fill
    assert quick(made).study.method_names == made.study.method_names
    with pytest.raises(ConfigError, match="needs a name"):
        study(methods=[{"base": "fedrima"}])


@pytest.mark.parametrize("varied", [True, False])
def test_a_coarse_study_leaves_hospitals_the_cases_of_their_archives(varied):
    key = "evaluation.onboarding"
    archives = {str(n): {key: {"archive": n, "counts": "known"}} for n in (20, 160)}
    sites = [
        {"name": "t", "count": 3, "modalities": ["fundus"], "cases": 400},
        {"name": "u", "role": "held_out", "modalities": ["fundus", "oct"], "cases": 320},
    ]
    fixed = {} if varied else {"evaluation": {"onboarding": archives["160"][key]}}
    vary = {"archive": archives} if varied else {}
    made = tiny(sites=sites, study={"seeds": [100], "vary": vary}, **fixed)
    for run in plan(quick(resolve(made))):
        train, held_out = run.config.sites
        assert (train.cases, held_out.cases) == (100, 320)
