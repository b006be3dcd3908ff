import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import ray

import fed.engines.ray_records
from fed.engines.ray import cluster, worker_count
from tests.fed.engines.federation import (
    LONGEST_FIRST,
    NODES,
    TOY,
    fact,
    first_line,
    instructions,
    model,
    outcome,
    toy_grid,
)

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module", autouse=True)
def _local_cluster():
    with cluster(None, workers=3):
        yield


@pytest.fixture(scope="module")
def shared_grid(_local_cluster):
    with toy_grid("ray", workers=2) as grid:
        yield grid


@pytest.fixture
def grid(shared_grid):
    """Two workers, both up again after what other tests did to them."""
    deadline = time.monotonic() + 60
    while len(pids(shared_grid.send_and_receive(instructions(shared_grid, seconds=0.02)))) < 2:
        assert time.monotonic() < deadline
    return shared_grid


def pids(replies):
    return {fact(reply, "pid") for reply in replies}


@pytest.fixture(scope="module")
def undisturbed():
    with toy_grid("inline") as grid:
        return outcome(grid.send_and_receive(instructions(grid, model())))


def test_a_local_cluster_starts_what_it_needs():
    started = [
        Path(part).name
        for child in psutil.Process().children(recursive=True)
        for part in child.cmdline()
    ]
    assert "raylet" in started
    assert not {"dashboard.py", "monitor.py", "log_monitor.py"} & set(started)
    assert vars(ray._private.node.Node)["start_monitor"].__name__ == "start_monitor"


def test_two_workers_give_the_bytes_of_the_inline_engine(grid, undisturbed):
    assert outcome(grid.send_and_receive(instructions(grid, model()))) == undisturbed


@pytest.mark.parametrize("rows", [0, 3, 120, 125, 127, 128, 130, 2000])
def test_small_and_large_arrays_give_the_same_bytes(grid, rows):
    """Ray keeps objects of up to 100 KiB in the heap, larger ones in shared memory."""
    with toy_grid("inline") as inline:
        expected = outcome(inline.send_and_receive(instructions(inline, model(rows))))
    kept = list(grid.send_and_receive(instructions(grid, model(rows))))
    assert outcome(kept) == expected


def test_workers_compute_on_one_thread_and_sites_are_strangers(grid):
    replies = list(grid.send_and_receive(instructions(grid, model())))
    for reply in replies:
        assert fact(reply, "site") == NODES[reply.metadata.src_node_id - 1].name
        assert fact(reply, "round") == 7
        assert fact(reply, "threads") == 1
        assert fact(reply, "state") == 0
        assert fact(reply, "model_was_there")


def test_both_workers_work_and_sites_return_to_theirs(grid):
    rounds = [
        {
            reply.metadata.src_node_id: fact(reply, "pid")
            for reply in grid.send_and_receive(instructions(grid, seconds=0.05))
        }
        for _ in range(3)
    ]
    assert len(set(rounds[0].values())) == 2
    stayed = sum(rounds[1][node] == rounds[2][node] for node in rounds[1])
    assert stayed >= len(NODES) - 2  # the last of a round may help out


def test_each_distinct_payload_is_stored_once(grid, monkeypatch):
    stored = []
    put = ray.put
    monkeypatch.setattr(fed.engines.ray_records.ray, "put", lambda v: stored.append(v) or put(v))
    shared, other = model(), model(rows=400)
    messages = [
        *instructions(grid, shared),
        *instructions(grid, model()),  # equal content, another object
        *instructions(grid, other),
    ]
    replies = list(grid.send_and_receive(messages))
    assert not any(reply.has_error() for reply in replies)
    assert len(stored) == 2


def test_an_exception_fails_its_site_only(grid, undisturbed):
    replies = list(grid.send_and_receive(instructions(grid, model(), clinic_2="raise")))
    failed = [reply for reply in replies if reply.has_error()]
    assert [first_line(reply) for reply in failed] == ["site clinic-2: ArithmeticError: two lines"]
    assert "toy_sites.py" in failed[0].error.reason
    assert [entry for entry in outcome(replies) if entry[0] != 2] == [
        entry for entry in undisturbed if entry[0] != 2
    ]


def test_a_killed_worker_is_replaced_and_its_site_run_again(grid, undisturbed, tmp_path):
    messages = instructions(grid, model(), clinic_3="die once", folder=str(tmp_path))
    assert outcome(grid.send_and_receive(messages)) == undisturbed
    assert (tmp_path / "clinic-3").exists()


@pytest.fixture
def shared_calls(grid, monkeypatch):
    """How many sites each call of a worker is for; all have been quick."""
    list(grid.send_and_receive(instructions(grid)))
    sizes = []
    packed = fed.engines.ray_records.Payloads.packed

    def counted(payloads, messages):
        found = packed(payloads, messages)
        sizes.append(len(found[0]))
        return found

    monkeypatch.setattr(fed.engines.ray_records.Payloads, "packed", counted)
    return sizes


def test_quick_sites_share_calls_and_give_the_same_bytes(grid, undisturbed, shared_calls):
    assert outcome(grid.send_and_receive(instructions(grid, model()))) == undisturbed
    assert max(shared_calls) > 1


def test_a_worker_lost_in_a_shared_call_loses_no_site(grid, undisturbed, shared_calls, tmp_path):
    messages = instructions(grid, model(), clinic_7="die once", folder=str(tmp_path))
    assert outcome(grid.send_and_receive(messages)) == undisturbed
    assert max(shared_calls) > 1


def test_a_site_that_kills_its_workers_is_given_up(grid, undisturbed):
    replies = list(grid.send_and_receive(instructions(grid, model(), clinic_1="die")))
    failed = [reply for reply in replies if reply.has_error()]
    assert [first_line(reply) for reply in failed] == [
        "site clinic-1: its worker was lost 3 times (ActorDiedError)"
    ]
    assert outcome(replies)[:3] == undisturbed[:3]


def test_a_hung_site_costs_the_deadline_and_full_strength_comes_back(grid, undisturbed):
    start = time.monotonic()
    replies = list(grid.send_and_receive(instructions(grid, model(), clinic_6="hang"), timeout=2))
    seconds = time.monotonic() - start
    assert [reply.metadata.src_node_id for reply in replies] == LONGEST_FIRST
    failed = [first_line(reply) for reply in replies if reply.has_error()]
    assert failed == ["site clinic-6: no answer within the deadline of 2 s"]
    assert 2 <= seconds < 3
    patience = time.monotonic() + 60  # for a new worker to start, on a machine that may be busy
    replies = []
    while len(pids(replies)) < 2:
        assert time.monotonic() < patience
        replies = list(grid.send_and_receive(instructions(grid, model(), seconds=0.2), timeout=30))
        assert outcome(replies) == undisturbed


def test_sites_that_no_worker_reached_are_late_too(grid):
    orders = {f"clinic_{i}": "hang" for i in range(1, 11)}
    replies = list(grid.send_and_receive(instructions(grid, **orders), timeout=0.5))
    assert [reply.metadata.src_node_id for reply in replies] == LONGEST_FIRST
    assert all("no answer within the deadline" in first_line(reply) for reply in replies)


def test_a_call_that_is_not_read_to_its_end_leaves_no_work_behind(grid, undisturbed):
    orders = {f"clinic_{i}": "hang" for i in (7, 2)}
    replies = grid.send_and_receive(instructions(grid, model(), **orders))
    assert outcome([next(replies)]) == undisturbed[:1]
    replies.close()
    assert outcome(grid.send_and_receive(instructions(grid, model()))) == undisturbed


def test_one_worker_gives_the_same_bytes(undisturbed):
    with toy_grid("ray", workers=1) as grid:
        assert outcome(grid.send_and_receive(instructions(grid, model()))) == undisturbed


def test_without_any_worker_sites_fail_instead_of_waiting(monkeypatch):
    with toy_grid("ray", workers=1) as grid:
        monkeypatch.setattr(grid._pool, "_client_app", "gone:app")  # as if the code had moved
        replies = list(grid.send_and_receive(instructions(grid, clinic_2="die")))
    lines = [first_line(reply) for reply in replies if reply.has_error()]
    assert len(lines) >= len(NODES) - LONGEST_FIRST.index(2)
    assert lines[-1] == "site clinic-8: no ray worker is left, and none could be started"


def test_a_site_that_hangs_does_not_hold_up_the_others_of_later_rounds(grid, undisturbed):
    for _ in range(4):
        list(grid.send_and_receive(instructions(grid)))
    start = time.monotonic()
    replies = list(grid.send_and_receive(instructions(grid, model(), clinic_7="hang"), timeout=3))
    assert time.monotonic() - start < 4
    failed = [first_line(reply) for reply in replies if reply.has_error()]
    assert failed == ["site clinic-7: no answer within the deadline of 3 s"]
    assert [entry for entry in outcome(replies) if entry[0] != 7] == [
        entry for entry in undisturbed if entry[0] != 7
    ]


def test_worker_count_follows_the_cluster():
    assert worker_count(None, 0.0, {"CPU": 16.0}) == 16
    assert worker_count(3, 0.0, {"CPU": 16.0}) == 3
    assert worker_count(None, 0.25, {"CPU": 16.0, "GPU": 2.0}) == 8
    assert worker_count(None, 0.4, {"CPU": 16.0, "GPU": 2.0}) == 4
    assert worker_count(None, 2.0, {"CPU": 16.0, "GPU": 8.0}) == 4


@pytest.mark.parametrize(("asked", "gpus"), [(17, 0.0), (3, 1.0), (None, 4.0)])
def test_too_many_workers_for_the_cluster_is_an_error(asked, gpus):
    with pytest.raises(ValueError, match=r"engine\.workers: .* has room for"):
        worker_count(asked, gpus, {"CPU": 16.0, "GPU": 2.0})


SCRIPT = f"""
import sys
from tests.fed.engines.federation import *
nodes = [Node("clinic-1"), Node("clinic-2")]
with start_grid(EngineSettings("ray", workers=2), nodes, {{}}, {TOY!r}) as grid:
    print("started", flush=True)
    list(grid.send_and_receive(instructions(grid, clinic_1=sys.argv[1], clinic_2=sys.argv[1])))
print("left", flush=True)
"""


def family_of(process):
    """Return the descendants of a process: Ray's daemons and workers."""
    return psutil.Process(process.pid).children(recursive=True)


def assert_gone(processes):
    _, alive = psutil.wait_procs(processes, timeout=30)
    assert not alive


@pytest.fixture
def script():
    def run(order):
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, order],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # as in a terminal, where Ctrl-C reaches the whole group
        )
        assert process.stdout.readline() == "started\n"
        return process

    return run


def test_ctrl_c_leaves_no_process_behind(script):
    process = script("hang")
    family = family_of(process)
    assert any("SiteWorker" in child.name() for child in family)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert_gone(family)
