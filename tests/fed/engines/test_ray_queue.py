from types import SimpleNamespace

import pytest

from fed.engines.ray_queue import JobQueue


class Pool(set):
    size = 2


@pytest.fixture
def pool():
    return Pool({"first", "second"})


def queue_of(nodes, homes, pool):
    messages = (SimpleNamespace(metadata=SimpleNamespace(dst_node_id=node)) for node in nodes)
    return JobQueue(messages, pool, homes)


def test_sites_that_nobody_knows_go_out_in_order(pool):
    queue = queue_of([5, 3, 9], {}, pool)
    assert [queue.take("first").node_id for _ in range(3)] == [5, 3, 9]
    assert queue.take("first") is None


def test_sites_return_to_the_worker_that_knows_them(pool):
    homes = {5: "first", 3: "second", 9: "first"}
    queue = queue_of([5, 3, 9], homes, pool)
    assert queue.take("second").node_id == 3
    assert queue.take("second").node_id == 5  # rather than wait for the other worker
    assert homes[5] == "second"


def test_sites_of_a_lost_worker_go_to_any(pool):
    assert queue_of([5, 3], {5: "lost", 3: "first"}, pool).take("first").node_id == 5


def test_a_job_that_is_put_back_keeps_its_turn(pool):
    queue = queue_of(range(10), {}, pool)
    first, second = queue.take("first"), queue.take("first")
    queue.put_back(second)
    queue.put_back(first)
    assert queue.take_turn(1) is None
    assert [queue.take_turn(turn).node_id for turn in range(10)] == list(range(10))
    assert len(queue) == 0
