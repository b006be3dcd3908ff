"""The run report, from a small finished run."""

import html
import re
import shlex
from html.parser import HTMLParser
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from fed.report import write_report
from fed.report.notices import notices
from fed.results import read_results
from tests.fed.report.synthetic import BINARY, CLASSES, samples, write_run


class References(HTMLParser):
    """Collects what a page refers to, and whether its elements close."""

    VOID = frozenset({"meta", "img", "br", "link"})

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.found += [v for k, v in attrs if k in ("src", "href", "xlink:href", "srcset")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found += [v for k, v in attrs if k in ("src", "href", "xlink:href", "srcset")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    results = write_run(folder)
    return folder, results, write_report(folder, samples()).read_text(encoding="utf-8")


@pytest.fixture
def undrawn(monkeypatch):
    """Leave drawings empty: for tests of words, which need none."""
    monkeypatch.setattr(Figure, "savefig", lambda figure, file, **_: file.write("<svg></svg>"))


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL))


def test_names_every_site_class_and_metric(finished):
    _, results, page = finished
    for name in [site["name"] for site in results["sites"]] + list(CLASSES):
        assert name in page
    auc = results["held_out"]["pooled"]["both"]["auc"]
    assert f"{auc['value']:.3f}" in page
    assert f"{auc['low']:.3f}–{auc['high']:.3f}" in page


def test_page_needs_nothing_but_itself(finished):
    _, _, page = finished
    references = References()
    references.feed(page)
    assert references.open == []
    assert references.found
    assert all(r.startswith(("#", "data:image/png;base64,")) for r in references.found)
    assert "<script" not in page
    assert "@import" not in page
    assert not re.search(r"url\(\s*[\"']?(?!#)", page)


def test_internal_links_lead_somewhere(finished):
    _, _, page = finished
    targets = set(re.findall(r'\bid="([^"]+)"', page))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= targets


def test_shows_the_samples_and_says_which_picture_is_missing(finished):
    _, _, page = finished
    assert page.count("data:image/png") == 6
    assert "no OCT" in page
    assert "no fundus photograph" in page


def test_a_run_without_trouble_says_so_for_each_kind(finished):
    folder, _, page = finished
    assert text_of(page).count("None.") == len(notices(read_results(folder))) == 7
    assert "No failures, no warnings" in page


def test_trouble_is_told_at_the_top_and_in_full(tmp_path, undrawn):
    results = write_run(
        tmp_path,
        failures=[
            {"round": 3, "site": "community-2", "reason": "RuntimeError: <disk> full"},
            {"round": 5, "site": "community-2", "reason": "RuntimeError: <disk> full"},
        ],
        warnings=["community-4 has no case of the class late"],
        confounds=["ownership goes with the grade"],
        transport={
            "couplings": 140,
            "not_converged": 3,
            "left_out_classes": {"late": 7},
            "seconds": 1.0,
        },
    )
    del results["held_out"]["sites"]["unseen-1"]["oct"]["auc"]["value"]
    write_run(tmp_path, **results)
    page = text_of(write_report(tmp_path, []).read_text(encoding="utf-8"))
    assert "Before trusting these figures" in page
    assert "community-2, rounds 3 and 5: RuntimeError: &lt;disk&gt; full" in page
    assert "community-4 has no case of the class late" in page
    assert "ownership goes with the grade" in page
    assert "3 of 140 couplings did not converge" in page
    assert "late found no partner in 7 couplings" in page
    assert "unseen-1, given OCT only: AUC" in page


def test_a_run_that_scored_nothing_still_reports(tmp_path):
    undefined = {"auc": {"value": None, "low": None, "high": None}}
    results = write_run(tmp_path)
    results["held_out"] = {
        "pooled": {"both": undefined},
        "sites": {"unseen-1": {"both": undefined}},
    }
    results["validation"] = None
    write_run(tmp_path, **results)
    (tmp_path / "predictions.csv").write_text(
        "site,case_id,patient_id,condition,label,p_0,p_1,p_2,p_3\n"
    )
    (tmp_path / "rounds.jsonl").write_text("")
    page = text_of(write_report(tmp_path, []).read_text(encoding="utf-8"))
    assert "AUC is undefined" in page
    assert "0.000" not in page


def test_same_run_same_bytes_and_nothing_unfinished_left(finished):
    folder, _, page = finished
    assert write_report(folder, samples()).read_text(encoding="utf-8") == page
    assert {path.name for path in folder.iterdir()} == {
        "config.yaml",
        "predictions.csv",
        "report.html",
        "results.json",
        "rounds.jsonl",
    }


def test_without_onboarding_the_page_does_not_speak_of_it(finished):
    assert "Onboarding" not in finished[2]


def test_onboarding_is_told_beside_the_model_as_it_came(tmp_path, undrawn):
    pooled = write_run(tmp_path)["held_out"]["pooled"]
    better = {c: metrics | {"qwk": {"value": 0.987}} for c, metrics in pooled.items()}
    write_run(
        tmp_path,
        onboarding={
            "archive": 160,
            "counts": "known",
            "noise": 0.3,
            "pooled": {"unadapted": pooled, "bank": pooled, "transport": better},
            "sites": {},
        },
    )
    text = text_of(write_report(tmp_path, []).read_text(encoding="utf-8"))
    assert "up to 160 unlabelled cases" in text
    before = pooled["both"]["qwk"]["value"]
    assert f"from {before:.3f} to {before:.3f} (bank) and 0.987 (transport)" in text


def test_each_headline_says_what_it_rests_on(finished):
    text = text_of(finished[2])
    count = finished[1]["held_out"]["counts"]["pooled"]["fundus"]
    grades = ", ".join(f"{n} {c}" for n, c in zip(count["by_class"], CLASSES, strict=True))
    assert f"480 cases of 240 patients: {grades}" in text


def test_time_and_bytes_are_told_once_and_their_parts_add_up(finished):
    _, results, page = finished
    text = text_of(page)
    assert text.count("1 min 58 s") == 1  # 117.8 s
    assert "3 min 52 s" not in text  # with its own phases added again
    (panel,) = re.findall(r"Wall-clock time, by phase</figcaption>(.*?)</figure>", page, re.DOTALL)
    assert "total" not in panel
    sent = results["communication"]
    assert sum(s["up_bytes"] for s in sent["sites"].values()) == sent["up_bytes"]
    assert "Bytes sent so far" not in text


def test_none_of_a_kind_is_zero_percent(finished):
    participation = finished[2].partition('id="participation"')[2].partition("</table>")[0]
    assert "0 %" in participation
    assert "n/a" not in participation


def test_one_is_singular(tmp_path, undrawn):
    results = write_run(tmp_path, classes=BINARY, unseen=1)
    results["sites"] = [s for s in results["sites"] if s["name"] in ("tertiary-1", "unseen-1")]
    results["rounds_completed"] = 1
    results["transport"]["couplings"] = 1
    write_run(tmp_path, classes=BINARY, unseen=1, **results)
    text = text_of(write_report(tmp_path, []).read_text(encoding="utf-8"))
    assert re.findall(r"\b1 (?:\w+ )?(?:sites|rounds|cases|couplings|times|patients)\b", text) == []
    assert "1 unseen site," in text


def test_one_held_out_site_is_shown_once_with_one_interval(tmp_path, undrawn):
    results = write_run(tmp_path, classes=BINARY, unseen=1)
    page = write_report(tmp_path, []).read_text(encoding="utf-8")
    assert "Site by site" not in page
    auc = results["held_out"]["pooled"]["both"]["auc"]
    assert f"{auc['low']:.3f}–{auc['high']:.3f}" in page


def test_two_classes_have_curves_and_an_operating_point(tmp_path, finished, undrawn):
    results = write_run(tmp_path, classes=BINARY)
    text = text_of(write_report(tmp_path, []).read_text(encoding="utf-8"))
    assert "ROC: oedema" in text
    assert "Precision and recall: oedema" in text
    point = results["operating_point"]["oct"]
    assert f"{point['threshold']:.3f}" in text
    assert "there is no validation split" in text
    assert "Sensitivity, macro" not in text
    assert "ROC" not in finished[2]
    assert "Sensitivity, macro" in finished[2]


def test_few_cases_of_a_grade_are_told(tmp_path, undrawn):
    results = write_run(tmp_path, classes=BINARY)
    results["held_out"]["counts"]["pooled"]["oct"] = {
        "cases": 28, "patients": 28, "by_class": [25, 3],
    }  # fmt: skip
    write_run(tmp_path, classes=BINARY, **results)
    text = text_of(write_report(tmp_path, []).read_text(encoding="utf-8"))
    assert "given OCT only: 28 held-out cases, of which 3 oedema" in text


def test_the_same_confound_is_explained_once(tmp_path, undrawn):
    advice = "a model can score by what is missing"
    words = "having it predicts the label"
    warned = [f"{scope}: {words} (p = 0.00{i}): {advice}" for i, scope in enumerate("abcd")]
    write_run(tmp_path, confounds=warned)
    text = text_of(write_report(tmp_path, []).read_text(encoding="utf-8"))
    assert text.count(advice) == 1
    assert all(f"{scope}: p = 0.00{i}" in text for i, scope in enumerate("abcd"))


def test_the_command_to_reproduce_names_a_file_that_is_there(tmp_path, undrawn):
    folder = tmp_path / "a run"
    write_run(folder)
    page = html.unescape(write_report(folder, []).read_text(encoding="utf-8"))
    (command,) = re.findall(r"<pre>(python simulate\.py .*?)</pre>", page)
    _, _, configuration, _, again = shlex.split(command)
    assert Path(configuration).samefile(folder / "config.yaml")
    assert Path(again) != folder
    assert Path(again).parent == folder.parent


def test_the_configuration_is_folded(finished):
    folded = re.findall(r"<details>.*?</details>", finished[2], re.DOTALL)
    assert any("method: fedrima" in part for part in folded)
    assert "method: fedrima" not in re.sub(r"<details>.*?</details>", "", finished[2], flags=re.S)


def test_what_a_report_leads_with_comes_of_the_results(tmp_path, undrawn):
    results = write_run(tmp_path, headline="kappa", tables=["brier"])
    page = write_report(tmp_path, []).read_text(encoding="utf-8")
    kappa = results["held_out"]["pooled"]["both"]["kappa"]["value"]
    assert f"At 4 unseen sites, kappa is {kappa:.2f} from fundus and OCT" in text_of(page)
    assert "Kappa, given OCT only" in page
    assert "AUC, given" not in page


@pytest.mark.parametrize("classes", [CLASSES, BINARY])
def test_every_axis_with_numbers_is_labelled(tmp_path, monkeypatch, classes):
    drawn = []
    save = Figure.savefig

    def saved(figure, *args, **kwargs):
        drawn.extend(figure.axes)
        return save(figure, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", saved)
    write_run(tmp_path, classes=classes)
    write_report(tmp_path, [])
    assert len(drawn) > 10
    for axes in drawn:
        for axis in (axes.xaxis, axes.yaxis):
            ticks = [tick.get_text() for tick in axis.get_ticklabels()]
            if any(re.match(r"[−\d]", tick) for tick in ticks):
                assert axis.get_label_text(), (axes, ticks)
