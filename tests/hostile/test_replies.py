"""No hostile reply ends a run or changes anything; each costs its site the round, by name."""

import json

import pytest

from fed.config import resolve
from fed.report.words import counted
from tests.hostile.catalogue import attacks
from tests.hostile.federation import ROUNDS, plan, refusals, run

OUTPUTS = ("predictions.csv", "model.safetensors")


@pytest.fixture(scope="module")
def planned():
    return plan()


@pytest.fixture(scope="module")
def inline(planned, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile") / "run"
    run(folder, planned)
    return folder


def test_the_catalogue_is_large_enough():
    assert len(attacks()) >= 150, counted(len(attacks()), "reply")


def test_the_run_goes_on_to_its_end(inline):
    results = json.loads((inline / "results.json").read_text())
    assert results["rounds_completed"] == ROUNDS
    assert results["participation"]["sites"]["honest-1"]["answered"] == ROUNDS


@pytest.mark.parametrize("attack", [a.name for a in attacks()])
def test_a_hostile_reply_is_refused_by_name(attack, inline, planned):
    found = refusals(inline, planned)
    assert attack in found, "accepted"
    reason = found[attack]
    assert "unreadable" not in reason, reason
    assert len(reason) < 300
    assert reason.isprintable()


def test_it_changes_nothing_more_than_no_answer_would(inline, planned, tmp_path):
    run(tmp_path / "absent", planned, absent=True)
    for name in OUTPUTS:
        assert (tmp_path / "absent" / name).read_bytes() == (inline / name).read_bytes()
