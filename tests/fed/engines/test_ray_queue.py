from types import SimpleNamespace

import pytest

from fed.engines.ray_queue import MAX_BATCH, BatchSizes, JobQueue
from fed.engines.ray_workers import BATCH_S


class Pool(set):
    size = 2


def agenda_of(nodes, batch_sizes, pool, kind="train"):
    messages = (
        SimpleNamespace(metadata=SimpleNamespace(dst_node_id=node, message_type=kind))
        for node in nodes
    )
    return JobQueue(messages, pool, batch_sizes)


def nodes_of(jobs):
    return [job.node_id for job in jobs]


@pytest.fixture
def pool():
    return Pool({"first", "second"})


def test_a_new_kind_of_message_goes_out_one_by_one_in_order(pool):
    queue = agenda_of([5, 3, 9], BatchSizes(), pool)
    assert [nodes_of(queue.take("first")) for _ in range(3)] == [[5], [3], [9]]
    assert queue.take("first") == []


def test_sites_return_to_the_worker_that_knows_them(pool):
    batch_sizes = BatchSizes(homes={5: "first", 3: "second", 9: "first"})
    queue = agenda_of([5, 3, 9], batch_sizes, pool)
    assert nodes_of(queue.take("second")) == [3]
    assert nodes_of(queue.take("second")) == [5]  # rather than wait for the other worker
    assert batch_sizes.homes[5] == "second"


def test_sites_of_a_lost_worker_go_to_any(pool):
    queue = agenda_of([5, 3], BatchSizes(homes={5: "lost", 3: "first"}), pool)
    assert nodes_of(queue.take("first")) == [5]


def test_quick_messages_go_out_in_growing_batches(pool):
    batch_sizes = BatchSizes()
    for asked in (1, 2, 4):
        batch_sizes.learn("train", asked, asked, seconds=BATCH_S / 10)
    assert len(agenda_of(range(100), batch_sizes, pool).take("first")) == 8
    assert len(agenda_of(range(100), batch_sizes, pool, kind="query").take("first")) == 1
    for _ in range(10):
        batch_sizes.learn(
            "train", batch_sizes.batch_sizes["train"], batch_sizes.batch_sizes["train"], 0.0
        )
    assert len(agenda_of(range(100), batch_sizes, pool).take("first")) == MAX_BATCH
    assert (
        len(agenda_of(range(10), batch_sizes, pool).take("first")) == 5
    )  # half for the other worker


def test_slow_messages_go_out_one_by_one_again(pool):
    batch_sizes = BatchSizes(batch_sizes={"train": 16})
    batch_sizes.learn("train", 16, 3, seconds=2 * BATCH_S)
    assert len(agenda_of(range(100), batch_sizes, pool).take("first")) == 1


def test_jobs_put_back_keep_their_turn(pool):
    queue = agenda_of(range(10), BatchSizes(), pool)
    first, second = queue.take("first"), queue.take("first")
    queue.put_back(second)
    queue.put_back(first)
    assert nodes_of(queue.drain()) == list(range(10))
    assert not queue
