"""The run report, from a small finished run."""

import re
from html.parser import HTMLParser

import pytest

from fed.report import write_report
from tests.fed.report.synthetic import CLASSES, samples, write_run


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
    _, _, page = finished
    assert text_of(page).count("None.") == 6
    assert "No failures, no warnings" in page


def test_trouble_is_told_at_the_top_and_in_full(tmp_path):
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


def test_onboarding_is_told_beside_the_model_as_it_came(tmp_path):
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
