"""The grid of Flower's runtimes against a SuperLink of a few lines."""

import itertools
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from flwr.app import ConfigRecord, Error, Message, RecordDict
from flwr.common.constant import ErrorCode
from flwr.serverapp import Grid

import fed.engines.runtime as runtime
from fed.engines.messages import identify, server_identity
from fed.engines.runtime import RuntimeGrid


@dataclass
class SuperLink(Grid):
    """Keeps messages for nodes that come, go and answer as a test says."""

    sessions: dict[int, str]
    pushes: int = 0
    replies: dict[str, Message] = field(default_factory=dict)
    sent: dict[str, Message] = field(default_factory=dict)
    looks: Any = field(default_factory=itertools.count)
    script: Any = None

    def set_run(self, run: Any) -> None: ...

    @property
    def run(self) -> Any:
        return None

    def create_message(self, *args: Any, **kwargs: Any) -> Any: ...

    def get_node_ids(self) -> Iterable[int]:
        return list(self.sessions)

    def get_nodes(self) -> list[Any]:
        if self.script:
            self.script(self, next(self.looks))
        return [SimpleNamespace(node_id=n, last_activated_at=s) for n, s in self.sessions.items()]

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        assert isinstance(messages, list), "Flower reads it twice"
        ids = []
        for message in messages:
            self.pushes += 1
            identify(message, f"m{self.pushes}")
            self.sent[f"m{self.pushes}"] = message
            ids.append(f"m{self.pushes}")
        return ids

    def pull_messages(self, message_ids: Iterable[str]) -> list[Message]:
        found = []
        for message_id in message_ids:
            node = self.sent[message_id].metadata.dst_node_id
            if message_id in self.replies:
                found.append(self.replies.pop(message_id))
            elif node not in self.sessions:
                gone = Error(ErrorCode.NODE_UNAVAILABLE, "Node Unavailable")
                found.append(Message(gone, reply_to=self.sent[message_id]))
        return found

    def send_and_receive(self, messages: Iterable[Message], **_: Any) -> Iterable[Message]:
        raise NotImplementedError

    def answer(self, message_id: str) -> None:
        sent = self.sent[message_id]
        content = RecordDict({"echo": ConfigRecord({"node": sent.metadata.dst_node_id})})
        self.replies[message_id] = Message(content, reply_to=sent)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(runtime, "POLL_S", 0.01)
    with server_identity():
        yield


def messages(*nodes: int) -> Iterator[Message]:
    return (Message(RecordDict(), node, "train") for node in nodes)


def outcome(replies: Iterable[Message]) -> list[str]:
    return [
        r.error.reason if r.has_error() else f"node {r.content.config_records['echo']['node']}"
        for r in replies
    ]


def test_replies_come_in_the_order_of_the_messages() -> None:
    def script(link: SuperLink, look: int) -> None:
        if 1 <= look <= 3:
            link.answer(f"m{4 - look}")  # the last first

    grid = RuntimeGrid(SuperLink({1: "a", 2: "a", 3: "a"}, script=script), patience_s=1)
    assert outcome(grid.send_and_receive(messages(3, 1, 2))) == ["node 3", "node 1", "node 2"]


def test_a_site_without_answer_costs_the_deadline_and_no_more() -> None:
    def script(link: SuperLink, look: int) -> None:
        if look == 1:
            link.answer("m3")

    grid = RuntimeGrid(SuperLink({1: "a", 2: "a", 3: "a"}, script=script), patience_s=60)
    start = time.monotonic()
    replies = list(grid.send_and_receive(messages(1, 2, 3), timeout=0.3))
    assert 0.3 <= time.monotonic() - start < 1.0
    assert outcome(replies) == ["no answer within the deadline of 0.3 s"] * 2 + ["node 3"]
    assert [r.metadata.src_node_id for r in replies] == [1, 2, 3]


def test_a_node_that_stays_away_is_given_up_after_the_patience() -> None:
    def script(link: SuperLink, look: int) -> None:
        if look == 1:
            link.sessions.pop(1)
            link.answer("m2")

    grid = RuntimeGrid(SuperLink({1: "a", 2: "a"}, script=script), patience_s=0.2)
    start = time.monotonic()
    replies = list(grid.send_and_receive(messages(1, 2)))
    assert 0.2 <= time.monotonic() - start < 1.0
    assert outcome(replies) == [
        "went away in the round and did not come back within 0.2 s",
        "node 2",
    ]
    assert replies[0].error.code == ErrorCode.NODE_UNAVAILABLE


def test_a_restarted_node_is_sent_its_message_again() -> None:
    def script(link: SuperLink, look: int) -> None:
        if look == 1:
            link.sessions.pop(1)
        if look == 3:
            link.sessions[1] = "b"
        if look == 5:
            link.answer("m2")

    link = SuperLink({1: "a"}, script=script)
    assert outcome(RuntimeGrid(link, 5).send_and_receive(messages(1))) == ["node 1"]
    assert link.pushes == 2


def test_a_node_restarted_unnoticed_is_sent_its_message_again() -> None:
    def script(link: SuperLink, look: int) -> None:
        link.sessions[1] = "a" if look == 0 else "b"
        if look == 3:
            link.answer("m2")

    link = SuperLink({1: "a"}, script=script)
    assert outcome(RuntimeGrid(link, 5).send_and_receive(messages(1))) == ["node 1"]


def test_an_answer_given_before_a_restart_counts() -> None:
    def script(link: SuperLink, look: int) -> None:
        if look == 1:
            link.answer("m2")  # waits for its turn
        if look == 2:
            link.sessions[2] = "b"
        if look == 4:
            link.answer("m1")

    link = SuperLink({1: "a", 2: "a"}, script=script)
    assert outcome(RuntimeGrid(link, 5).send_and_receive(messages(1, 2))) == ["node 1", "node 2"]
    assert link.pushes == 2


def test_a_message_sent_while_a_node_was_away_is_not_sent_twice() -> None:
    def script(link: SuperLink, look: int) -> None:
        if look == 2:
            link.sessions[1] = "a"
        if look == 4:
            link.answer("m1")

    link = SuperLink({}, script=script)
    assert outcome(RuntimeGrid(link, 5).send_and_receive(messages(1))) == ["node 1"]
    assert link.pushes == 1


def test_errors_of_a_site_are_passed_on() -> None:
    def script(link: SuperLink, look: int) -> None:
        if look == 1:
            reason = Error(ErrorCode.CLIENT_APP_RAISED_EXCEPTION, "DataError: a.png: no such file")
            link.replies["m1"] = Message(reason, reply_to=link.sent["m1"])

    grid = RuntimeGrid(SuperLink({1: "a"}, script=script), patience_s=1)
    assert outcome(grid.send_and_receive(messages(1))) == ["DataError: a.png: no such file"]


def test_nothing_to_send_is_no_trouble() -> None:
    assert list(RuntimeGrid(SuperLink({}), 1).send_and_receive([])) == []
