"""What crosses the border of a node of its own: no path, no id, no count of one or two patients."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flwr.app import Context, Message, RecordDict

from clients.app import under_flower
from clients.site import LocalSite, open_site
from clients.spending import BudgetSpentError
from fed import running
from fed.config import resolve
from fed.data.cases import SiteCases
from fed.engines.messages import server_identity
from fed.errors import ConfigError, DataError

SECRETS = ("/eyes", "manifest.csv", "Schmidt", "patient 7")


def told(error: Exception, **node_config: Any) -> str:
    """Return what the server is told of an error at a site."""

    def failing(message: Message, context: Context) -> Message:
        raise error

    context = Context(1, 1, node_config, RecordDict(), {})
    with server_identity():
        message = Message(RecordDict(), 1, "train")
        return under_flower(message, context, failing).error.reason or ""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (DataError("/eyes/manifest.csv: patient 7, Schmidt: no image"), "its data was refused"),
        (ConfigError("data: /eyes/manifest.csv"), "its configuration was refused"),
        (FileNotFoundError("/eyes/Schmidt.png"), "it could not answer"),
        (KeyError("patient 7"), "it could not answer"),
    ],
)
def test_an_error_of_a_node_of_its_own_names_no_file_and_no_patient(
    error: Exception, words: str
) -> None:
    reason = told(error, site="clinic")
    assert reason.startswith(f"{type(error).__name__}: {words}")
    assert not any(secret in reason for secret in SECRETS)


def test_a_spent_budget_is_told_and_a_simulated_node_tells_all() -> None:
    assert "8 is all" in told(BudgetSpentError("privacy.epsilon: 8 is all"), site="clinic")
    assert "/eyes" in told(DataError("/eyes/manifest.csv"), **{"partition-id": 0})


def test_a_deployed_card_and_counts_tell_no_one_or_two_patients() -> None:
    site = open_site(
        resolve(
            {
                "task": {"classes": ["healthy", "ill"]},
                "data": {"image_size": 32, "volume_size": [4, 32, 32]},
                "sites": [
                    {"name": "clinic", "modalities": ["fundus"], "cases": 8},
                    {"name": "unseen", "role": "held_out", "modalities": ["fundus"], "cases": 8},
                ],
                "method": "experts",
            }
        ),
        "clinic",
    )
    labels = [0, 0, 0, 0, 0, 0, 1, 1]
    cases = tuple(replace(c, label=y) for c, y in zip(site.cases.cases, labels, strict=True))
    site = replace(site, cases=SiteCases(site.cases.site, cases, site.cases.images))
    deployed: LocalSite = replace(site, deployed=True)
    assert site.card.cases["fundus"] == (6, 2)
    assert deployed.card.cases["fundus"] == (6, 3)
    assert site.told(np.arange(6, 8)) == 2
    assert deployed.told(np.arange(6, 8)) == 3
    assert deployed.told([]) == 0


def test_the_own_folder_of_a_site_is_named_or_flowers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLWR_HOME", "/srv/flower")
    assert running.key_file({"site": "clinic"}) == Path("/srv/flower/fedrima/clinic/pseudonyms.key")
    assert running.key_file({"site": "clinic", "folder": "/own"}) == Path("/own/pseudonyms.key")
    assert running.key_file({"site": "clinic", "key": "/k"}) == Path("/k")
    monkeypatch.delenv("FLWR_HOME")
    assert running.site_folder({"site": "clinic"}) == Path.home() / ".flwr/fedrima/clinic"
