"""The page of a study, from small finished runs."""

import json
import re
from pathlib import Path

import pytest

from tests.fed.report.test_page import text_of
from tests.fed.study.synthetic import write_small_study


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    return write_small_study(tmp_path_factory.mktemp("study"))


def test_means_are_those_of_the_runs(written):
    study = json.loads(written.with_name("study.json").read_text())
    one = next(written.parent.glob("experts-s100-*"))
    results = json.loads((one / "results.json").read_text())
    auc = results["held_out"]["pooled"]["oct"]["auc"]["value"]
    (found,) = (
        s["pooled"]
        for s in study["summaries"]
        if (s["method"], s["condition"], s["metric"]) == ("experts", "oct", "auc")
    )
    assert (found["n"], found["mean"]) == (2, pytest.approx(auc))
    assert f"{auc:.3f}" in written.read_text()
    assert {c["metric"] for c in study["comparisons"]} < {s["metric"] for s in study["summaries"]}


def test_a_confound_is_explained_once_and_a_failure_is_told(written):
    text = text_of(written.read_text())
    assert text.count("a model can cheat") == 1
    assert "training: p = 0.001 (6 runs)" in text
    assert "lost-run: RunError: &lt;no&gt; site answered" in text
    assert re.findall(r"\b1 (?:sites|runs|seeds|methods|settings)\b", text) == []


def test_the_command_goes_on_with_this_very_folder(written):
    (command,) = re.findall(r"<pre>(.*?)</pre>", written.read_text())
    folder = written.parent.name
    assert command == f"python simulate.py {folder}/config.yaml --out {folder}"
    assert str(written.parent.parent) not in written.read_text()


def test_what_is_drawn_first_is_the_metric_of_the_study(tmp_path):
    page = write_small_study(tmp_path, "study.metric=kappa", "study.figures=[kappa, brier]")
    text = text_of(page.read_text())
    assert "difference in Kappa to fedavg" in text
    assert "Quadratic kappa" not in text
    assert "Brier score (lower is better)" in text


def test_the_endpoint_comes_first_with_its_verdict(tmp_path):
    page = write_small_study(
        tmp_path,
        "study.endpoint={method: fedrima, against: fedavg, metric: auc, margin: 0.005}",
        "study.pairs=[[fedrima, experts]]",
    )
    html = page.read_text()
    text = text_of(html)
    assert html.index('id="endpoint"') < html.index('id="scores"')
    found = json.loads(page.with_name("study.json").read_text())
    mean = found["endpoint"]["as configured"]["mean"]
    assert "Primary endpoint: fedrima against fedavg" in text
    assert f"{mean:+.3f}" in text
    assert "The grey band is the margin of equivalence, ±0.005" in text
    assert {(p["method"], p["against"]) for p in found["pairs"]} == {("fedrima", "experts")}
    assert "fedrima – experts" in text


def test_a_study_without_an_endpoint_has_no_section_for_it(written):
    assert 'id="endpoint"' not in written.read_text()
    assert 'id="pairs"' not in written.read_text()
