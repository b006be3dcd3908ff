"""A run tells what it spends by site and round, and ends before its budget does."""

import json
from pathlib import Path
from typing import Any

import pytest

import fedrima
from fed.config import Config, resolve
from fed.errors import RunError
from fed.privacy import account_of
from fed.results import Run
from fed.sites import Resources, SiteCard
from server.budget import Budget
from server.checkpoint import load_checkpoint, save_checkpoint
from server.ledger import Ledger
from server.state import ServerState
from tests.acceptance.federations import simulate, tiny


def private(**changes: Any) -> dict[str, Any]:
    evaluation = {"every": 3, "bootstrap": 0}
    options = {"model": {"normalisation": "group"}, "privacy": {"epsilon": 6.0}}
    return tiny(method="fedrima", evaluation=evaluation, **options) | changes


def config(**changes: Any) -> Config:
    return resolve(private(**changes))


def card(name: str = "clinic-1") -> SiteCard:
    cases = {"both": (0, 0), "fundus": (12, 12), "oct": (0, 0)}
    return SiteCard(name, "clinic", "train", ("fundus",), cases, Resources())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return fedrima.run(private(), out=tmp_path_factory.mktemp("private") / "run")


def test_epsilon_grows_by_round_and_ends_within_the_budget(finished: Run) -> None:
    told = finished.results.privacy
    assert told is not None
    assert (told.epsilon, told.delta, told.clip) == (6.0, 1e-5, 1.0)
    training = {site.name for site in finished.results.with_role("train")}
    assert set(told.sites) == training
    for name in training:
        by_round = [line.epsilon[name] for line in finished.rounds]
        assert by_round == sorted(set(by_round))
        assert by_round[0] > 0
        assert by_round[-1] == told.sites[name].epsilon <= 6.0
        assert told.sites[name].epsilon > 5.9


def test_what_was_spent_is_what_the_account_of_the_plan_says(finished: Run) -> None:
    told = finished.results.privacy
    assert told is not None
    for site in finished.results.with_role("train"):
        account = account_of(config(), site)
        assert account is not None
        assert told.sites[site.name].epsilon == account.spent(account.planned)
        assert told.sites[site.name].noise_multiplier == account.multiplier


def test_the_report_tells_what_was_spent(finished: Run) -> None:
    page = (finished.folder / "report.html").read_text(encoding="utf-8")
    told = finished.results.privacy
    assert told is not None
    assert "epsilon 6" in page
    assert f"{told.sites['imaging'].epsilon:.2f}" in page


def test_losses_of_a_private_run_stay_at_the_sites(finished: Run) -> None:
    assert all(loss == {} for line in finished.rounds for loss in line.losses.values())


def test_without_a_budget_nothing_is_told(tmp_path: Path) -> None:
    run = fedrima.run(private(privacy={}), out=tmp_path / "run")
    assert run.results.privacy is None
    assert all(not line.epsilon for line in run.rounds)
    assert (
        "epsilon"
        not in (run.folder / "report.html").read_text(encoding="utf-8").split("<details>")[0]
    )


def test_a_round_past_the_budget_is_refused_by_site() -> None:
    ledger = Ledger()
    budget = Budget(config(), ledger)
    account = account_of(config(), card())
    assert account is not None
    for work, times in account.planned.items():
        for _ in range(times):
            budget.require(1, work, [card()])
            budget.count(work, ["clinic-1"])
    with pytest.raises(RunError, match=r"round 4: encoders would take the patients of clinic-1"):
        budget.require(4, "encoders", [card("other"), card()])
    budget.require(4, "encoders", [card("other")])


def test_a_site_counts_as_asked_whether_or_not_it_answered(tmp_path: Path) -> None:
    ledger = Ledger()
    budget = Budget(config(), ledger)
    budget.count("encoders", ["clinic-1"])
    budget.count("encoders", ["clinic-1"])
    budget.count("statistics", ["clinic-1"])
    assert ledger.asked == {"clinic-1": {"encoders": 2, "statistics": 1}}
    save_checkpoint(tmp_path, ServerState({}), ledger, resolve(tiny()))
    found = load_checkpoint(tmp_path)
    assert found is not None
    assert found[1].asked == ledger.asked


def test_a_run_again_spends_the_same(finished: Run, tmp_path: Path) -> None:
    other = fedrima.run(private(), out=tmp_path / "again")
    lines = [(r.folder / "rounds.jsonl").read_text().splitlines() for r in (finished, other)]
    assert [json.loads(line)["epsilon"] for line in lines[0]] == [
        json.loads(line)["epsilon"] for line in lines[1]
    ]


def test_a_dry_run_tells_the_noise(tmp_path: Path) -> None:
    path = tmp_path / "private.yaml"
    path.write_text(json.dumps(private()))
    done = simulate(path, "--dry-run", "--out", tmp_path / "run")
    assert done.returncode == 0
    assert "privacy: epsilon 6 at delta 1e-05 a patient; noise" in done.stdout


def test_batch_normalisation_is_refused_with_the_key_to_change(tmp_path: Path) -> None:
    path = tmp_path / "private.yaml"
    path.write_text(json.dumps(private(model={})))
    refused = simulate(path, "--out", tmp_path / "run")
    assert refused.returncode == 2
    assert "model.normalisation: batch" in refused.stderr
    assert "use group" in refused.stderr
    assert refused.stderr.count("\n") == 1
