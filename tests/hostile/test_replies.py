"""No hostile reply ends a run or changes anything; each costs its site the round, by name."""

import json
from pathlib import Path

import pytest

from tests.hostile.catalogue import attacks
from tests.hostile.federation import ROUNDS, plan, refusals, run
from tests.hostile.table import COMMAND, PAGE, between, table

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
    assert len(attacks()) >= 150


def test_the_run_goes_on_to_its_end(inline):
    results = json.loads((inline / "results.json").read_text())
    assert results["rounds_completed"] == ROUNDS
    assert results["participation"]["sites"]["honest-1"]["answered"] == ROUNDS


@pytest.mark.parametrize("attack", [a.name for a in attacks()])
def test_a_hostile_reply_is_refused_by_name(attack, inline, planned):
    found = refusals(inline, planned)
    assert attack in found, "accepted"
    reason = found[attack]
    own = ("exception", "process", "message", "error", "another node")  # what the engine catches
    assert "refused: it " in reason or any(words in attack for words in own), reason
    assert len(reason) < 300
    assert reason.isprintable()


def test_nothing_that_was_sent_is_executed(inline):
    assert not list(Path.cwd().rglob("hostile-was-here"))


def test_it_changes_nothing_more_than_no_answer_would(inline, planned, tmp_path):
    run(tmp_path / "absent", planned, absent=True)
    for name in OUTPUTS:
        assert (tmp_path / "absent" / name).read_bytes() == (inline / name).read_bytes()


def test_on_ray_the_same_replies_are_refused_for_the_same_reasons(inline, planned, tmp_path):
    run(tmp_path / "ray", planned, "ray")
    assert refusals(tmp_path / "ray", planned) == refusals(inline, planned)
    for name in OUTPUTS:
        assert (tmp_path / "ray" / name).read_bytes() == (inline / name).read_bytes()


def test_the_table_of_the_documents_is_of_this_catalogue(inline, planned):
    page = (Path(__file__).parents[2] / PAGE).read_text()
    assert between(page) == table(refusals(inline, planned)), f"stale: {COMMAND}"
