"""Virtual time, deadlines and participation as a run from outside shows them."""

import json
from fractions import Fraction

import pytest

from tests.acceptance.federations import group, run, tiny

PACE = {"encoders": {"both": 0.02, "fundus": 0.01, "oct": 0.015}}
SITES = [
    group("hospital", ["fundus", "oct"], resources={"speed": 2.0, "uplink_mbps": 50}),
    group("clinic", ["fundus"], count=2, resources={"downlink_mbps": 20, "uplink_mbps": 4}),
    group("imaging", ["oct"], resources={"speed": 0.5, "availability": 0.6}),
    group("mobile", ["fundus"], resources={"uplink_mbps": 0.4}),
    group("unseen", ["fundus", "oct"], role="held_out"),
]
DEADLINE_S = 5.0  # some 280 kB take the mobile unit 5.6 s to send


def uneven(mobile):
    sites = [site | (mobile if site["name"] == "mobile" else {}) for site in SITES]
    clock = {"seconds_per_case": PACE, "deadline_s": DEADLINE_S}
    return tiny(sites=sites, clock=clock, method="experts")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uneven")
    results = run(folder, uneven({}))
    lines = (folder / "run" / "rounds.jsonl").read_text().splitlines()
    return folder / "run", results, [json.loads(line) for line in lines]


def test_a_straggler_counts_as_little_as_one_that_never_came(finished, tmp_path):
    folder, results, rounds = finished
    assert {line["sites"]["mobile"]["outcome"] for line in rounds} == {"late"}
    assert results["participation"]["sites"]["mobile"]["late"] == len(rounds)
    reasons = {f["reason"] for f in results["failures"] if f["site"] == "mobile"}
    assert len(reasons) == 1
    assert reasons.pop().startswith("too slow: 5.")
    run(tmp_path, uneven({"resources": {"availability": 0.0}}))
    for name in ("predictions.csv", "model.safetensors"):
        assert (tmp_path / "run" / name).read_bytes() == (folder / name).read_bytes()


def test_virtual_time_follows_from_cases_bytes_and_resources(finished):
    _, results, rounds = finished
    resources = {card["name"]: card["resources"] for card in results["sites"]}
    cases = {card["name"]: card["cases"] for card in results["sites"]}
    assert results["time"]["seconds_per_case"] == PACE
    for line in rounds:
        assert line["virtual_seconds"] == DEADLINE_S  # it waits in vain for the mobile unit
        for name, record in line["sites"].items():
            if record["outcome"] != "answered":
                continue
            megabit = 1_000_000
            own = resources[name]
            work = sum(
                sum(cases[name][kind]) * Fraction(str(seconds))
                for kind, seconds in PACE["encoders"].items()
            )
            expected = {
                "receiving": 8
                * Fraction(record["down_bytes"])
                / megabit
                / Fraction(own["downlink_mbps"]),
                "computing": work / Fraction(own["speed"]),
                "sending": 8
                * Fraction(record["up_bytes"])
                / megabit
                / Fraction(own["uplink_mbps"]),
            }
            for kind, seconds in expected.items():
                assert record[kind] == pytest.approx(float(seconds), rel=1e-15)
    assert results["time"]["virtual_seconds"] == len(rounds) * DEADLINE_S
    for spent in results["time"]["virtual_by_group"].values():
        assert sum(spent.values()) == pytest.approx(len(rounds) * DEADLINE_S)


def test_the_report_says_who_took_part(finished):
    report = (finished[0] / "report.html").read_text()
    assert "Who waits for whom" in report
    assert "times a site was unavailable, dropped out or was too slow" in report
