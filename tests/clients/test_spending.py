"""A deployed site counts for itself, and answers nothing past its budget."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from clients.class_sums import solving
from clients.site import LocalSite, open_site
from clients.spending import FILE, BudgetSpentError, spend
from fed.config import Config, resolve
from fed.errors import DataError

SITE: Mapping[str, Any] = {"modalities": ["fundus"], "cases": 12}


def config(**changes: Any) -> Config:
    raw: dict[str, Any] = {
        "task": {"classes": ["healthy", "ill"]},
        "data": {"image_size": 32, "volume_size": [4, 32, 32]},
        "sites": [{"name": "clinic", **SITE}, {"name": "unseen", "role": "held_out", **SITE}],
        "method": "experts",
        "model": {"normalisation": "group"},
        "training": {"rounds": 3, "batch_size": 4},
        "privacy": {"epsilon": 8.0},
    }
    return resolve(raw | changes)


@pytest.fixture
def site() -> LocalSite:
    return open_site(config(), "clinic", deployed=True)


def test_a_run_has_its_rounds_and_not_one_more(site: LocalSite, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    rounds = site.account.planned["encoders"] if site.account else 0
    assert rounds == 2  # experts end early
    for _ in range(rounds):
        spend(site, folder, "encoders")
    with pytest.raises(BudgetSpentError, match=r"privacy\.epsilon: 8 is all"):
        spend(site, folder, "encoders")
    assert (folder / FILE).stat().st_mode & 0o777 == 0o600


def test_what_was_refused_is_not_counted_and_other_runs_have_their_own(
    site: LocalSite, tmp_path: Path
) -> None:
    for _ in range(2):
        spend(site, tmp_path, "encoders")
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(BudgetSpentError):
        spend(site, tmp_path, "encoders")
    assert (tmp_path / FILE).read_bytes() == before
    other = open_site(config(seed=1), "clinic", deployed=True)
    spend(other, tmp_path, "encoders")


def test_without_a_budget_nothing_is_written(tmp_path: Path) -> None:
    spend(open_site(config(privacy={}), "clinic", deployed=True), tmp_path, "encoders")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["{", "[1]", '{"x": 1}'])
def test_a_damaged_account_is_refused_rather_than_begun_anew(
    site: LocalSite, tmp_path: Path, text: str
) -> None:
    from clients.spending import run_of

    (tmp_path / FILE).write_text(text.replace("x", run_of(site.config)))
    with pytest.raises(DataError, match="account of privacy"):
        spend(site, tmp_path, "encoders")


def test_sums_for_heads_in_closed_form_are_given_once(tmp_path: Path) -> None:
    site = open_site(config(method="analytic"), "clinic", deployed=True)
    spend(site, tmp_path, solving(site.config.method).name)
    with pytest.raises(BudgetSpentError, match="another answer to heads would pass it"):
        spend(site, tmp_path, solving(site.config.method).name)
