"""Two finished runs and what they share: the same eyes, paired, against other computations."""

import csv
import io

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score, roc_auc_score

import fedrima
from fed.errors import ConfigError, DataError
from fed.results import PREDICTIONS, Run, write_predictions
from fed.study.arms import arms_of, differences
from fed.study.compare import COLUMNS, compare
from fed.study.compare_page import write_comparison
from fed.study.shared import shared_cases
from fedrima.command import app
from tests.fed.report.synthetic import write_run
from tests.fed.study.graded_runs import CLASSES, COLUMNS_OF, eyes, write


def line_of(found, metric, arm=None):
    (line,) = [x for x in found.lines if x.metric == metric and arm in (None, x.arm)]
    return line


def arrays(run, keep):
    rows = [r for r in run.predictions.to_dict("records") if (r["site"], r["case_id"]) in keep]
    rows.sort(key=lambda r: (r["site"], r["case_id"]))
    return [r["label"] for r in rows], np.array(
        [[r[f"p_{k}"] for k in range(CLASSES)] for r in rows]
    )


def test_only_what_both_have_graded_counts(tmp_path):
    all_eyes = eyes(1)
    one = write(tmp_path / "one", all_eyes[:60], 1.0, "fedavg")
    two = write(tmp_path / "two", all_eyes[20:], 2.0)
    found = compare([one, two])
    keep = {(site, case) for site, case, _, _ in all_eyes[20:60]}
    for metric, oracle in {
        "accuracy": lambda y, p: accuracy_score(y, p.argmax(axis=1)),
        "auc": lambda y, p: roc_auc_score(y, p, multi_class="ovr"),
    }.items():
        line = line_of(found, metric)
        assert (line.basis, line.cases, line.patients, line.sites) == ("cases", 40, 20, 2)
        expected = [oracle(*arrays(run, keep)) for run in (one, two)]
        assert [line.reference, line.value] == pytest.approx(expected)
        assert line.difference.value == pytest.approx(expected[1] - expected[0])
        assert line.difference.low < line.difference.value < line.difference.high


def test_a_run_against_itself_differs_by_nothing(tmp_path):
    one = write(tmp_path / "one", eyes(1), 1.0)
    two = write(tmp_path / "two", eyes(1), 1.0)
    found = compare([one, two])
    assert [arm.name for arm in found.arms] == ["one", "two"]
    assert found.configurations == {}
    assert {(x.difference.value, x.difference.low, x.difference.high) for x in found.lines} == {
        (0.0, 0.0, 0.0)
    }


def test_the_interval_is_as_wide_as_the_spread_over_patients(tmp_path):
    many = eyes(3, sites=("a",), cases=400)
    one = write(tmp_path / "one", many, 0.5, "fedavg", changes=["evaluation.bootstrap=2000"])
    two = write(tmp_path / "two", many, 1.5)
    line = line_of(compare([one, two]), "accuracy")
    keep = {(site, case) for site, case, _, _ in many}
    (y, p), (_, q) = arrays(one, keep), arrays(two, keep)
    names = [patient for _, _, patient, _ in sorted(many, key=lambda eye: (eye[0], eye[1]))]
    gained = (q.argmax(1) == y).astype(float) - (p.argmax(1) == y)
    by_patient = np.array([gained[np.array(names) == name].mean() for name in sorted(set(names))])
    se = by_patient.std() / len(by_patient) ** 0.5
    assert (line.difference.high - line.difference.low) / 3.92 == pytest.approx(se, rel=0.08)


def test_seeds_of_one_configuration_are_paired_by_a_t_test(tmp_path):
    runs = [
        write(tmp_path / f"{method}{seed}", eyes(seed), skill, method, seed)
        for method, skill in (("fedavg", 1.0), ("fedrima", 2.0))
        for seed in (0, 1, 2)
    ]
    found = compare(runs)
    assert [(arm.name, len(arm.runs)) for arm in found.arms] == [("fedavg", 3), ("fedrima", 3)]
    line = line_of(found, "accuracy")
    assert (line.basis, line.seeds, line.cases) == ("seeds", 3, 240)
    own = [
        accuracy_score(r.predictions["label"], r.predictions[COLUMNS_OF[5:]].to_numpy().argmax(1))
        for r in runs
    ]
    test = stats.ttest_rel(own[3:], own[:3])
    low, high = test.confidence_interval(0.95)
    assert line.p == pytest.approx(test.pvalue)
    assert [line.difference.low, line.difference.high] == pytest.approx([low, high])
    assert found.configurations["method.name"] == ("fedavg", "fedrima")
    assert "seed" not in found.configurations


def test_the_same_name_in_another_world_is_another_eye(tmp_path):
    one = write(tmp_path / "one", eyes(1), 1.0, "fedavg", seed=1)
    other_seed = write(tmp_path / "two", eyes(1), 1.0, seed=2)
    assert shared_cases(one, other_seed) == {}  # phantom eyes are drawn with the seed
    other_label = write(tmp_path / "three", eyes(2), 1.0, seed=1)
    assert shared_cases(one, other_label) == {}
    found = compare([one, other_label])
    assert found.lines == ()
    assert "no case in common" in found.cautions[0]
    page = write_comparison(found, tmp_path / "page").read_text()
    assert "no case in common" in page


def test_models_of_the_sites_own_count_by_their_mean(tmp_path):
    one = write(tmp_path / "one", eyes(1), 1.0, "fedavg")
    two = write(tmp_path / "two", eyes(1), 2.0, models=["x", "y"])
    own = [
        accuracy_score(f["label"], f[COLUMNS_OF[5:]].to_numpy().argmax(1))
        for _, f in two.predictions.groupby("model")
    ]
    line = line_of(compare([one, two]), "accuracy")
    assert line.value == pytest.approx(np.mean(own))
    assert line.cases == 80


def test_what_differs_is_named_by_key_and_lists_go_by_names(tmp_path):
    one = write(tmp_path / "one", eyes(1), 1.0)
    two = write(tmp_path / "two", eyes(1), 1.0, changes=["training.lr=0.5", "sites.1.count=2"])
    found = differences(arms_of([one, two]))
    assert found["training.lr"] == (str(one.config.training.lr), "0.5")
    group = one.config.sites[1]
    assert found[f"sites.{group.name}.count"] == (str(group.count), "2")
    assert len(found) == 2


def test_order_of_cases_and_of_replies_changes_nothing(tmp_path):
    one = write(tmp_path / "one", eyes(1), 1.0, "fedavg")
    two = write(tmp_path / "two", eyes(1), 2.0)
    before = compare([one, two]).csv
    frame = two.predictions.iloc[::-1]
    write_predictions(tmp_path / "two" / PREDICTIONS, list(frame.columns), frame.values.tolist())
    assert compare([one, Run.load(tmp_path / "two")]).csv == before


def test_from_python_and_the_command_line_alike(tmp_path, monkeypatch):
    from typer.testing import CliRunner

    write(tmp_path / "one", eyes(1), 1.0, "fedavg")
    write(tmp_path / "two", eyes(1), 2.0)
    folders = [str(tmp_path / name) for name in ("one", "two")]
    found = fedrima.compare(*folders, out=tmp_path / "python")
    done = CliRunner().invoke(app, ["compare", *folders, "--out", str(tmp_path / "typed")])
    assert done.exit_code == 0, done.output
    for name in ("compare.html", "compare.csv"):
        typed = (tmp_path / "typed" / name).read_bytes()
        assert (tmp_path / "python" / name).read_bytes() == typed
    rows = list(csv.DictReader(io.StringIO(found.csv)))
    assert tuple(rows[0]) == COLUMNS == tuple(found.table.columns)
    line = line_of(found, "accuracy")
    assert f"{line.difference.value:+.3f}" in (tmp_path / "python/compare.html").read_text()


@pytest.mark.parametrize("classes", [("no", "yes"), None])
def test_what_cannot_be_compared_is_refused(tmp_path, classes):
    one = write(tmp_path / "one", eyes(1), 1.0)
    if classes is None:
        with pytest.raises(ConfigError, match="two finished runs"):
            compare([one])
        with pytest.raises(DataError, match="nothing"):
            fedrima.compare(one, tmp_path / "nothing")
        return
    write_run(tmp_path / "two", classes=classes)
    with pytest.raises(DataError, match=r"two: grades \[no, yes\]"):
        compare([one, Run.load(tmp_path / "two")])
