from types import SimpleNamespace

import pytest

from fed.engines.ray_agenda import MAX_BATCH, Agenda, Habits
from fed.engines.ray_workers import BATCH_S


class Pool(set):
    size = 2


def agenda_of(nodes, habits, pool, kind="train"):
    messages = (
        SimpleNamespace(metadata=SimpleNamespace(dst_node_id=node, message_type=kind))
        for node in nodes
    )
    return Agenda(messages, pool, habits)


def nodes_of(jobs):
    return [job.node_id for job in jobs]


@pytest.fixture
def pool():
    return Pool({"first", "second"})


def test_a_new_kind_of_message_goes_out_one_by_one_in_order(pool):
    agenda = agenda_of([5, 3, 9], Habits(), pool)
    assert [nodes_of(agenda.take("first")) for _ in range(3)] == [[5], [3], [9]]
    assert agenda.take("first") == []


def test_sites_return_to_the_worker_that_knows_them(pool):
    habits = Habits(homes={5: "first", 3: "second", 9: "first"})
    agenda = agenda_of([5, 3, 9], habits, pool)
    assert nodes_of(agenda.take("second")) == [3]
    assert nodes_of(agenda.take("second")) == [5]  # rather than wait for the other worker
    assert habits.homes[5] == "second"


def test_sites_of_a_lost_worker_go_to_any(pool):
    agenda = agenda_of([5, 3], Habits(homes={5: "lost", 3: "first"}), pool)
    assert nodes_of(agenda.take("first")) == [5]


def test_quick_messages_go_out_in_growing_batches(pool):
    habits = Habits()
    for asked in (1, 2, 4):
        habits.learn("train", asked, asked, seconds=BATCH_S / 10)
    assert len(agenda_of(range(100), habits, pool).take("first")) == 8
    assert len(agenda_of(range(100), habits, pool, kind="query").take("first")) == 1
    for _ in range(10):
        habits.learn("train", habits.batch_sizes["train"], habits.batch_sizes["train"], 0.0)
    assert len(agenda_of(range(100), habits, pool).take("first")) == MAX_BATCH
    assert len(agenda_of(range(10), habits, pool).take("first")) == 5  # half for the other worker


def test_slow_messages_go_out_one_by_one_again(pool):
    habits = Habits(batch_sizes={"train": 16})
    habits.learn("train", 16, 3, seconds=2 * BATCH_S)
    assert len(agenda_of(range(100), habits, pool).take("first")) == 1


def test_jobs_put_back_keep_their_turn(pool):
    agenda = agenda_of(range(10), Habits(), pool)
    first, second = agenda.take("first"), agenda.take("first")
    agenda.put_back(second)
    agenda.put_back(first)
    assert nodes_of(agenda.drain()) == list(range(10))
    assert not agenda
