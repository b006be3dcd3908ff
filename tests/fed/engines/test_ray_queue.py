from types import SimpleNamespace

import pytest

from fed.engines.ray_queue import MOST_TOGETHER, JobQueue, Known
from fed.engines.ray_workers import TOGETHER_S


class Pool(set):
    size = 2


@pytest.fixture
def pool():
    return Pool({"first", "second"})


def queue_of(nodes, pool, homes=None, seconds=None):
    known = Known(homes or {}, {(node, "train"): s for node, s in (seconds or {}).items()})
    messages = (
        SimpleNamespace(metadata=SimpleNamespace(dst_node_id=node, message_type="train"))
        for node in nodes
    )
    return JobQueue(messages, pool, known)


def nodes(jobs):
    return [job.node_id for job in jobs]


def test_sites_that_nobody_knows_go_out_in_order_and_alone(pool):
    queue = queue_of([5, 3, 9], pool)
    assert [nodes(queue.take("first")) for _ in range(3)] == [[5], [3], [9]]
    assert queue.take("first") == []


def test_sites_return_to_the_worker_that_knows_them(pool):
    homes = {5: "first", 3: "second", 9: "first"}
    queue = queue_of([5, 3, 9], pool, homes)
    assert nodes(queue.take("second")) == [3]
    assert nodes(queue.take("second")) == [5]  # rather than wait for the other worker


def test_sites_of_a_lost_worker_go_to_any(pool):
    assert nodes(queue_of([5, 3], pool, {5: "lost", 3: "first"}).take("first")) == [5]


def test_quick_sites_share_a_call_for_as_long_as_they_took(pool):
    seconds = dict.fromkeys(range(20), 0.3 * TOGETHER_S) | {4: 0.9 * TOGETHER_S}
    queue = queue_of(range(20), pool, seconds=seconds)
    assert [nodes(queue.take("first")) for _ in range(3)] == [[0, 1, 2], [3], [4]]


def test_the_sites_that_are_left_are_shared_out(pool):
    queue = queue_of(range(9), pool, seconds=dict.fromkeys(range(9), 0.0))
    assert [len(queue.take("first")) for _ in range(4)] == [5, 2, 1, 1]


def test_no_call_is_shared_by_more_than_the_most(pool):
    queue = queue_of(range(200), pool, seconds=dict.fromkeys(range(200), 0.0))
    assert len(queue.take("first")) == MOST_TOGETHER


def test_sites_whose_call_came_to_grief_go_alone(pool):
    queue = queue_of(range(6), pool, seconds=dict.fromkeys(range(6), 0.0))
    jobs = queue.take("first")
    jobs[0].alone = jobs[1].alone = True
    queue.put_back(jobs)
    assert [nodes(queue.take("first")) for _ in range(3)] == [[0], [1], [2, 3]]


def test_a_job_that_is_put_back_keeps_its_turn(pool):
    queue = queue_of(range(10), pool)
    first, second = queue.take("first"), queue.take("first")
    queue.put_back(second)
    queue.put_back(first)
    assert queue.take_turn(1) == []
    assert [nodes(queue.take_turn(turn)) for turn in range(10)] == [[n] for n in range(10)]
    assert len(queue) == 0
