import time

import pytest
import torch
from flwr.app import Message, RecordDict
from flwr.supercore.task_identity import TaskIdentity

from fed.engines import EngineSettings, Node, start_grid
from tests.fed.engines.federation import (
    LONGEST_FIRST,
    NODES,
    fact,
    first_line,
    instructions,
    model,
    outcome,
    toy_grid,
)


def test_replies_come_longest_site_first_and_name_their_message():
    with toy_grid("inline") as grid:
        messages = list(instructions(grid))
        replies = list(grid.send_and_receive(messages))
    assert [reply.metadata.src_node_id for reply in replies] == LONGEST_FIRST
    sent = {message.metadata.message_id: message.metadata.dst_node_id for message in messages}
    assert len(sent) == len(NODES)
    for reply in replies:
        assert sent[reply.metadata.reply_to_message_id] == reply.metadata.src_node_id
        assert reply.metadata.group_id == "round-1"


def test_replies_stream():
    with toy_grid("inline") as grid:
        replies = grid.send_and_receive(instructions(grid, clinic_7="raise"))
        assert not next(iter(replies)).has_error()
        assert next(iter(replies)).has_error()


def test_context_names_the_site_and_starts_afresh():
    with toy_grid("inline") as grid:
        list(grid.send_and_receive(instructions(grid)))
        replies = list(grid.send_and_receive(instructions(grid)))
    for reply in replies:
        assert fact(reply, "site") == NODES[reply.metadata.src_node_id - 1].name
        assert fact(reply, "node_id") == reply.metadata.src_node_id
        assert fact(reply, "round") == 7
        assert fact(reply, "state") == 0


def test_a_site_cannot_change_what_the_others_receive():
    with toy_grid("inline") as grid:
        record = model()
        replies = list(grid.send_and_receive(instructions(grid, record)))
    assert all(fact(reply, "model_was_there") for reply in replies)
    assert len(record) == 2


def test_computes_on_one_thread_and_restores_the_number():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with toy_grid("inline") as grid:
            replies = list(grid.send_and_receive(instructions(grid)))
        assert {fact(reply, "threads") for reply in replies} == {1}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_messages_can_be_made_inside_the_block_only():
    before = TaskIdentity._run_id
    with toy_grid("inline"):
        Message(RecordDict(), 1, "train")
    assert TaskIdentity._run_id is before


@pytest.mark.parametrize(
    ("order", "line"),
    [
        ("raise", "site clinic-2: ArithmeticError: two lines"),
        ("exit", "site clinic-2: SystemExit: 3"),
    ],
)
def test_a_failing_site_becomes_an_error_reply(order, line):
    with toy_grid("inline") as grid:
        replies = list(grid.send_and_receive(instructions(grid, clinic_2=order)))
    failed = [reply for reply in replies if reply.has_error()]
    assert [reply.metadata.src_node_id for reply in failed] == [2]
    assert first_line(failed[0]) == line
    assert "toy_sites.py" in failed[0].error.reason
    assert len(replies) == len(NODES)


def test_deadline_is_kept_between_sites():
    with toy_grid("inline") as grid:
        start = time.monotonic()
        replies = list(grid.send_and_receive(instructions(grid, seconds=0.2), timeout=0.5))
        assert time.monotonic() - start < 0.9
    late = [reply for reply in replies if reply.has_error()]
    assert len(replies) == len(NODES)
    assert len(late) == len(NODES) - 3
    assert first_line(late[0]) == "site clinic-6: no answer within the deadline of 0.5 s"


def test_push_and_pull_give_the_same_replies():
    with toy_grid("inline") as grid:
        ids = grid.push_messages(instructions(grid, model()))
        pulled = list(grid.pull_messages(ids))
        assert outcome(pulled) == outcome(grid.send_and_receive(instructions(grid, model())))


def test_an_unknown_node_is_named():
    with toy_grid("inline") as grid, pytest.raises(ValueError, match="node 11: the nodes are 1"):
        list(grid.send_and_receive([Message(RecordDict(), 11, "train")]))


@pytest.mark.parametrize("path", ["fed.engines", "fed.engines:Node", "fed.engines:absent"])
def test_a_path_that_names_no_client_app_is_an_error(path):
    with (
        pytest.raises(ValueError, match="is no ClientApp"),
        start_grid(EngineSettings("inline"), [Node("clinic")], {}, path),
    ):
        pass
