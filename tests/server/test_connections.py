"""The membership follows who is connected."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from flwr.app import Error, Message
from flwr.common.constant import ErrorCode
from flwr.serverapp import Grid

import server.connections
from fed import protocol
from fed.config import Config, resolve
from fed.engines.messages import server_identity
from fed.errors import RunError
from fed.sites import Resources, SiteCard
from server.connections import Connections


def card(name: str) -> SiteCard:
    role = "held_out" if name == "unseen" else "train"
    none = (0, 0, 0, 0)
    cases = {"both": (5, 5, 0, 0), "fundus": none, "oct": none}
    return SiteCard(name, name, role, ("fundus", "oct"), cases, Resources())  # type: ignore[arg-type]


class Nodes(Grid):
    """Nodes by id, each with the site it says it is, or the error it answers with."""

    def __init__(self, sites: dict[int, str | Error]) -> None:
        self.sites = sites
        self.asked: list[int] = []
        self.looks = 0
        self.later: dict[int, dict[int, str | Error]] = {}

    def set_run(self, run: Any) -> None: ...

    @property
    def run(self) -> Any:
        return None

    def create_message(self, *args: Any, **kwargs: Any) -> Any: ...

    def push_messages(self, messages: Iterable[Message]) -> Any: ...

    def pull_messages(self, message_ids: Iterable[str]) -> Any: ...

    def get_node_ids(self) -> Iterable[int]:
        self.looks += 1
        self.sites |= self.later.pop(self.looks, {})
        return list(self.sites)

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterator[Message]:
        for message in messages:
            node_id = message.metadata.dst_node_id
            self.asked.append(node_id)
            answer = self.sites[node_id]
            content = answer if isinstance(answer, Error) else protocol.pack_card(card(answer))
            yield Message(content, reply_to=message)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(server.connections, "POLL_S", 0.01)
    with server_identity():
        yield


@pytest.fixture
def config() -> Config:
    group = {"modalities": ["fundus", "oct"], "cases": 10}
    return resolve(
        {
            "sites": [
                {"name": "hospital", **group},
                {"name": "clinic", **group},
                {"name": "unseen", "role": "held_out", **group},
            ]
        }
    )


def names(membership: Any) -> list[str]:
    return [member.name for member in membership.members]


def absent(membership: Any) -> list[str]:
    return [site.name for site in membership.absent]


def test_everyone_is_asked_once_and_put_in_order(config: Config) -> None:
    nodes = Nodes({9: "hospital", 3: "unseen", 5: "clinic"})
    connections = Connections(nodes, config)
    assert names(connections.open()) == ["hospital", "clinic", "unseen"]
    connections.now()
    assert nodes.asked == [3, 5, 9]


def test_missing_sites_are_named_and_waited_for(
    config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    nodes = Nodes({1: "hospital"})
    nodes.later = {3: {2: "unseen"}, 5: {3: "clinic"}}
    with caplog.at_level(logging.INFO):
        membership = Connections(nodes, config, patience_s=30).open()
    assert names(membership) == ["hospital", "clinic", "unseen"]
    assert "waiting up to 30 s for clinic, unseen" in caplog.text
    assert "for clinic\n" in caplog.text


def test_a_run_starts_without_a_late_site_which_joins_later(
    config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    nodes = Nodes({1: "hospital", 2: "unseen"})
    connections = Connections(nodes, config, patience_s=0.05)
    with caplog.at_level(logging.INFO):
        assert absent(connections.open()) == ["clinic"]
        assert "starting without clinic" in caplog.text
        nodes.sites[7] = "clinic"
        assert names(connections.now()) == ["hospital", "clinic", "unseen"]
    assert "clinic has joined" in caplog.text


def test_too_few_sites_stop_the_run_and_name_who_is_missing(config: Config) -> None:
    with pytest.raises(RunError, match="no held_out site has any case; not connected: clinic"):
        Connections(Nodes({1: "hospital"}), config, patience_s=0.02).open()


def test_a_site_that_went_away_comes_back_under_another_node_id(config: Config) -> None:
    nodes = Nodes({1: "hospital", 2: "unseen", 3: "clinic"})
    connections = Connections(nodes, config)
    connections.open()
    del nodes.sites[3]
    assert absent(connections.now()) == ["clinic"]
    assert names(connections.everyone()) == ["hospital", "clinic", "unseen"]
    nodes.sites[8] = "clinic"
    membership = connections.now()
    assert absent(membership) == []
    assert membership.name(8) == "clinic"
    assert [m.node_id for m in connections.everyone().members] == [1, 8, 2]


def test_a_newcomer_with_a_name_that_is_taken_is_not_let_in(
    config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    nodes = Nodes({1: "hospital", 2: "unseen", 3: "clinic"})
    connections = Connections(nodes, config)
    connections.open()
    nodes.sites[4] = "clinic"
    nodes.sites[5] = "elsewhere"
    nodes.sites[6] = Error(ErrorCode.CLIENT_APP_RAISED_EXCEPTION, "DataError: no such file")
    assert [m.node_id for m in connections.now().members] == [1, 3, 2]
    assert "two nodes say they are the site 'clinic'" in caplog.text
    assert "'elsewhere', no site of `sites`" in caplog.text
    assert "node 6 is not let in: DataError: no such file" in caplog.text


def test_at_the_start_two_nodes_of_one_name_stop_the_run(config: Config) -> None:
    nodes = Nodes({1: "hospital", 2: "unseen", 3: "clinic", 4: "clinic"})
    with pytest.raises(RunError, match="two nodes say they are the site 'clinic'"):
        Connections(nodes, config).open()


def test_a_node_that_cannot_answer_is_left_out_by_name(
    config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    trouble = Error(ErrorCode.CLIENT_APP_RAISED_EXCEPTION, "DataError: bad\ntrace")
    nodes = Nodes({1: "hospital", 2: "unseen", 3: trouble})
    known = {1: "hospital", 2: "unseen", 3: "clinic"}
    membership = Connections(nodes, config, sites=known).open()
    assert absent(membership) == ["clinic"]
    assert membership.reason("clinic") == "not let in: DataError: bad"
    assert "clinic is not let in: DataError: bad" in caplog.text


@pytest.mark.parametrize(
    ("claimed", "known", "words"),
    [
        ("clinic", "hospital", "says that its name is 'clinic'; by the configuration 'hospital'"),
        ("elsewhere", "hospital", "says that its name is 'elsewhere'"),
    ],
)
def test_who_a_node_is_is_not_its_own_word(
    config: Config, claimed: str, known: str, words: str
) -> None:
    nodes = Nodes({1: claimed, 2: "unseen", 3: "clinic"})
    membership = Connections(nodes, config, sites={1: known, 2: "unseen", 3: "clinic"}).open()
    assert absent(membership) == ["hospital"]
    assert words in membership.reason("hospital")


def test_a_site_that_comes_back_with_other_cases_is_not_let_in(
    config: Config, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = Nodes({1: "hospital", 2: "unseen", 3: "clinic"})
    connections = Connections(nodes, config)
    connections.open()
    del nodes.sites[3]
    connections.now()
    more = {"both": (6, 5, 0, 0), "fundus": (0, 0, 0, 0), "oct": (0, 0, 0, 0)}
    monkeypatch.setattr(
        protocol, "pack_card", partial(_packed, replace(card("clinic"), cases=more))
    )
    nodes.sites[8] = "clinic"
    assert absent(connections.now()) == ["clinic"]
    assert "has other cases than it had before" in caplog.text


def _packed(changed: SiteCard, _: SiteCard, pack: Any = protocol.pack_card) -> Any:
    return pack(changed)
