"""Parts of the report whose content can be wrong."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from fed.report.costs import group_traffic
from fed.report.curves import group_losses, phase_starts
from fed.report.federation import MOST_ROWS, federation_rows
from fed.report.gallery import central_scan
from fed.report.notices import confounds, notices
from fed.report.style import panel, severity_colours
from fed.report.words import duration, headline, listed, share, size
from fed.results import Results, RoundRecord, Run, SiteTraffic
from fed.sites import Resources, SiteCard
from tests.fed.report.synthetic import write_run


def card(number: int, **counts: tuple[int, ...]) -> SiteCard:
    cases = {c: counts.get(c, (0, 0)) for c in ("both", "fundus", "oct")}
    return SiteCard(f"site-{number}", "group", "train", ("fundus", "oct"), cases, Resources())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    write_run(folder)
    return Run.load(folder)


def test_predictions_are_read_as_written(run):
    labels, p = run.scored("oct")
    assert len(labels) == 480
    assert len(run.scored("oct", "unseen-3")[0]) == 120
    assert p.sum(axis=1) == pytest.approx(np.ones(480))


def test_losses_are_averaged_over_the_sites_of_a_group(run):
    numbers, means = group_losses("classification", run.results, run.rounds)["tertiary"]
    expected = [
        np.mean([line.losses[f"tertiary-{i}"]["classification"] for i in (1, 2, 3)])
        for line in run.rounds
    ]
    assert numbers == list(range(1, 19))
    assert means == pytest.approx(expected)


def test_a_loss_of_one_phase_starts_with_it(run):
    assert phase_starts(run.rounds) == {1: "encoders", 13: "fusion"}
    numbers, _ = group_losses("alignment", run.results, run.rounds)["community"]
    assert numbers[0] == 13


def test_cases_with_one_modality_count_where_they_belong():
    (row,) = federation_rows([card(1, both=(1, 2), fundus=(3, 4))], ["well", "ill"])
    assert row.having == {"fundus": 10, "oct": 3}
    assert row.by_class == (("well", 4, 40.0), ("ill", 6, 60.0))


def test_many_sites_become_a_row_a_group():
    sites = [card(number, both=(1, 1)) for number in range(MOST_ROWS + 1)]
    (row,) = federation_rows(sites, ["well", "ill"])
    assert row.name == f"group × {MOST_ROWS + 1}"
    assert row.total == 2 * (MOST_ROWS + 1)


def test_traffic_by_group_sums_its_sites(run):
    assert group_traffic(run.results)["tertiary"] == (
        3,
        SiteTraffic(down_bytes=3 * 8_400_000, up_bytes=3 * 6_100_000),
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (0, ()),
        (1, ("1 time a class found no partner in a coupling",)),
        (7, ("7 times a class found no partner in a coupling",)),
        ({"late": 7, "early": 0}, ("late found no partner in 7 couplings",)),
    ],
)
def test_classes_left_out_are_named_where_names_are_known(tmp_path, given, words):
    transport = {"couplings": 9, "not_converged": 0, "left_out_classes": given, "seconds": 1.0}
    results = Results.model_validate(write_run(tmp_path, transport=transport))
    (notice,) = (n for n in notices(results) if n.title == "Transport")
    assert notice.items == words


def test_shortened_updates_are_told_by_site_and_module(tmp_path):
    results = Results.model_validate(write_run(tmp_path))
    cut = [
        {"site": "clinic-1", "module": "fundus_head", "factor": factor} for factor in (0.5, 0.04)
    ]
    line = {"phase": "encoders", "lr": 0.1, "participants": (), "losses": {}, "down_bytes": 0}
    line |= {"up_bytes": 0, "seconds": 0.0}
    rounds = [
        RoundRecord.model_validate(line | {"round": n + 1, "bounded": [cut[n]]}) for n in (0, 1)
    ]
    (notice,) = (n for n in notices(results, rounds) if n.title == "Updates that were too long")
    assert notice.items == ("clinic-1, fundus_head: in rounds 1 and 2, to 0.04 of its length",)


def test_what_confounds_have_in_common_is_said_once():
    warnings = [
        f"{name}: having it predicts the label (p = {p}): a model can cheat"
        for name, p in (("training", 0.001), ("held out", 0.002), ("clinic-1", 0.003))
    ]
    explanation, items = confounds(warnings)
    assert explanation == "Having it predicts the label: a model can cheat."
    assert items == ("training: p = 0.001", "held out: p = 0.002", "clinic-1: p = 0.003")
    assert confounds(["something else"])[1] == ("something else",)
    assert confounds(["first", *warnings])[1] == ("first", *items)


def test_a_share_of_none_is_zero_and_of_nothing_undefined():
    assert [share(0, 5), share(5, 5), share(0, 0)] == ["0 %", "100 %", "n/a"]


def test_resources_are_told_only_where_they_are_not_the_usual_ones():
    site = card(1, both=(1, 2))
    slow = replace(card(2, both=(1, 2)), resources=Resources(speed=0.5))
    assert all(row.resources == () for row in federation_rows([site], ["well", "ill"]))
    assert all(row.resources for row in federation_rows([site, slow], ["well", "ill"]))


def test_severity_grows_darker():
    for classes in (2, 4, 9):
        colours = severity_colours(classes)
        light = [sum(int(c[i : i + 2], 16) for i in (1, 3, 5)) for c in colours]
        assert len(set(colours)) == classes
        assert light == sorted(light, reverse=True)


def test_a_panel_keeps_its_text_and_escapes_its_title():
    drawn = panel("a < b", lambda axes: axes.set_xlabel("round"), 200)
    assert "round</text>" in drawn.svg
    assert 'aria-label="a &lt; b"' in drawn.svg


def test_central_scan_is_the_middle_slice():
    volume = np.arange(5 * 2 * 3, dtype=np.uint8).reshape(5, 2, 3)
    assert np.array_equal(central_scan(volume), volume[2])


def test_words():
    assert [size(n) for n in (0, 999, 1500, 99_960_000, 999_700_000)] == [
        "0 B",
        "999 B",
        "1.5 kB",
        "100 MB",
        "1 GB",
    ]
    assert [duration(s) for s in (4.21, 59.99, 185, 7800, None)] == [
        "4.2 s",
        "1 min 0 s",
        "3 min 5 s",
        "2 h 10 min",
        "n/a",
    ]
    assert [listed(x) for x in ([], ["a"], ["a", "b", "c"])] == ["", "a", "a, b and c"]


def test_headline_takes_the_first_condition_that_can_be_scored(tmp_path):
    results = write_run(tmp_path)
    results["held_out"]["pooled"]["both"]["auc"]["value"] = None
    results["held_out"]["pooled"]["fundus"]["auc"]["value"] = 0.81
    assert headline(Results.model_validate(results)) == (
        "At 4 unseen sites, AUC is 0.81 from fundus only"
    )


def test_importing_draws_nothing_and_loads_no_plotting():
    code = (
        "import sys, fed.report, fed.metrics, fed.results, fed.study.tables;"
        "print({'matplotlib', 'sklearn', 'PIL', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
