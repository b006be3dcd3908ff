"""Whose code a site of a deployment loads: what its own node configuration names."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flwr.app import Context, RecordDict

from clients.app import app
from fed import protocol
from fed.engines.messages import server_identity
from fed.parts import KINDS

LISTED = {"method.terms", "trackers", "evaluation.metrics"}


def card_asked_for(
    settings: str, node_config: dict[str, str], log: pytest.LogCaptureFixture
) -> str:
    """Ask the site `hospital` for its card; return why it has none, as its own log says."""
    with server_identity():
        message = protocol.instruction(protocol.Content(), 1, protocol.CARD)
        reply = app(
            message,
            Context(
                run_id=0,
                node_id=1,
                node_config={"site": "hospital", **node_config},
                state=RecordDict(),
                run_config={"config": "configs/deploy.yaml", "set": settings},
            ),
        )
    return log.text if reply.has_error() else ""


def asking_for(kind: str) -> str:
    key = KINDS[kind].key
    value = "[hostile_part:Part]" if key in LISTED else "hostile_part:Part"
    beside = {"source": " data.path=.", "attack": " attack.sites=[hospital]"}
    return f"{key}={value}{beside.get(kind, '')}"


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module that leaves a file where it is imported."""
    (tmp_path / "hostile_part.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    monkeypatch.syspath_prepend(tmp_path)
    sys.modules.pop("hostile_part", None)
    yield tmp_path / "ran"
    sys.modules.pop("hostile_part", None)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_no_kind_of_part_runs_code_at_a_site_that_its_node_does_not_name(
    kind: str, ran: Path, caplog: pytest.LogCaptureFixture
) -> None:
    refused = card_asked_for(asking_for(kind), {"parts": "ours"}, caplog)
    # Scores are judged at the coordinator: a site keeps the name alone.
    assert "does not load" in refused or kind == "metric"
    assert not ran.exists()


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"metric"}))
def test_what_the_node_names_is_loaded(
    kind: str, ran: Path, caplog: pytest.LogCaptureFixture
) -> None:
    refused = card_asked_for(asking_for(kind), {"parts": "ours, hostile_part"}, caplog)
    assert "does not load" not in refused
    assert "has no dataclass 'Part'" in refused
    assert ran.exists()
