"""Parts of the report whose content can be wrong."""

import json
import subprocess
import sys

import numpy as np
import pytest

from fed.report.costs import group_traffic
from fed.report.curves import group_losses, phase_starts
from fed.report.federation import MOST_ROWS, federation_rows
from fed.report.gallery import central_scan
from fed.report.run import Traffic, parse_results, read_run
from fed.report.style import panel, severity_colours
from fed.report.words import duration, headline, listed, size
from fed.sites import Resources, SiteCard
from tests.fed.report.synthetic import write_run


def card(number: int, **counts: tuple[int, ...]) -> SiteCard:
    cases = {c: counts.get(c, (0, 0)) for c in ("both", "fundus", "oct")}
    return SiteCard(f"site-{number}", "group", "train", ("fundus", "oct"), cases, Resources())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    write_run(folder)
    return read_run(folder)


def test_predictions_are_read_as_written(run):
    labels, p = run.predictions.given("oct")
    assert len(labels) == run.predictions.cases("oct") == 480
    assert run.predictions.cases("oct", "unseen-3") == 120
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
    assert group_traffic(run.results)["tertiary"] == (3, Traffic(3 * 8_400_000, 3 * 6_100_000))


def test_left_out_classes_may_be_counted_or_named(tmp_path):
    results = write_run(tmp_path)
    for given, expected in ((0, ()), (2, ("2",)), (["late"], ("late",))):
        results["transport"]["left_out_classes"] = given
        transport = parse_results(json.loads(json.dumps(results))).transport
        assert transport is not None
        assert transport.left_out_classes == expected


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
    assert headline(parse_results(results)) == (
        "At 4 unseen sites, eyes are graded with an AUC of 0.81 from fundus only"
    )


def test_importing_draws_nothing_and_loads_no_plotting():
    code = (
        "import sys, fed.report, fed.metrics, fed.bootstrap;"
        "print({'matplotlib', 'sklearn', 'PIL'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
