"""Sites and machines that fail: the round goes on with the others, and everything is told."""

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from flwr.app import Context, RecordDict

from fed.config import resolve
from fed.engines import EngineSettings, Node, start_grid
from server.app import make_app
from tests.acceptance.federations import ROOT, group, simulate_apart, tiny, write

SITES = [
    group("hospital", ["fundus", "oct"]),
    group("clinic", ["fundus"], count=4),
    group("imaging", ["oct"]),
    group("unseen", ["fundus", "oct"], role="held_out"),
]
NAMES = ["hospital", *(f"clinic-{i}" for i in range(1, 5)), "imaging", "unseen"]
METHOD = {
    "name": "experts",
    "phases": [{"name": "encoders", "trains": ["encoders", "heads"]}],
    "predict": "experts",
}


def run(folder, faults, engine="ray", **changes):
    """Run a federation whose sites do what `faults` orders; return the lines of its rounds."""
    config = resolve(tiny(sites=SITES, method=METHOD, **changes))
    folder.mkdir()
    run_config = {
        "federation": config,
        "out": str(folder),
        "faults": json.dumps(faults),
    }
    nodes = [Node(name, 24.0) for name in NAMES]
    settings = EngineSettings(engine, workers=2 if engine == "ray" else None)
    with start_grid(settings, nodes, run_config, "tests.acceptance.faulty_sites:app") as grid:
        context = Context(0, 0, {}, RecordDict(), run_config)
        make_app()(grid, context)
    return [json.loads(line) for line in (folder / "rounds.jsonl").read_text().splitlines()]


def told(line):
    return {failure["site"]: failure["reason"] for failure in line["failures"]}


def test_faults_cost_their_sites_the_round_and_nobody_else(tmp_path):
    faults = {
        "clinic-1": [1, "raise"],
        "clinic-2": [1, "nan"],
        "imaging": [1, "shape"],
        "clinic-3": [1, "memory"],
        "clinic-4": [1, "die once"],
    }
    first, second, last = run(tmp_path / "faulty", faults)
    reasons = told(first)
    assert reasons["clinic-1"] == "site clinic-1: ArithmeticError: the site's own trouble"
    assert "its reply was refused: it sent fundus_encoder" in reasons["clinic-2"]
    assert "not finite" in reasons["clinic-2"]
    assert "its reply was refused: it sent oct_encoder" in reasons["imaging"]
    assert "of shape" in reasons["imaging"]
    assert "MemoryError" in reasons["clinic-3"]
    # A worker that is killed takes no site with it: it is replaced, and the site run again.
    assert sorted(first["participants"]) == ["clinic-4", "hospital"]
    for line in (second, last):
        assert line["failures"] == []
        assert len(line["participants"]) == 6
    results = json.loads((tmp_path / "faulty" / "results.json").read_text())
    assert {f["site"]: f["round"] for f in results["failures"]} == dict.fromkeys(reasons, 1)
    sites = results["participation"]["sites"]
    assert (sites["clinic-1"]["failed"], sites["clinic-1"]["answered"]) == (1, 2)
    assert sites["clinic-4"]["answered"] == 3
    # The same faults in this process, but for the killed one, leave the same model.
    del faults["clinic-4"]
    run(tmp_path / "inline", faults, engine="inline")
    for name in ("predictions.csv", "model.safetensors"):
        inline = (tmp_path / "inline" / name).read_bytes()
        assert (tmp_path / "faulty" / name).read_bytes() == inline


@pytest.mark.slow
def test_a_hung_site_costs_its_deadline_and_no_more(tmp_path):
    deadline_s = 20.0
    server = {"deadline_s": deadline_s}
    first, second, last = run(tmp_path / "hung", {"clinic-2": [2, "hang"]}, server=server)
    assert told(second) == {"clinic-2": "site clinic-2: no answer within the deadline of 20 s"}
    assert deadline_s <= second["seconds"] < deadline_s + first["seconds"] + 10
    assert len(second["participants"]) == 5
    assert len(last["participants"]) == 6


def test_too_few_sites_end_the_run_with_code_3_and_its_state_kept(tmp_path):
    sites = [
        group("hospital", ["fundus", "oct"]),
        group("clinic", ["fundus"], resources={"dropout": 0.5}),
        group("unseen", ["fundus", "oct"], role="held_out"),
    ]
    federation = tiny(sites=sites, server={"min_sites": 2}, seed=2, method=METHOD)
    done = simulate_apart(write(tmp_path, federation), "--out", tmp_path / "run", "--quiet")
    assert done.returncode == 3
    assert "round 2: 1 sites answered, server.min_sites asks for 2" in done.stderr
    assert "clinic: dropped out of the round" in done.stderr
    assert f"--resume {tmp_path / 'run'}" in done.stderr
    assert "Traceback" not in done.stderr
    lines = (tmp_path / "run" / "rounds.jsonl").read_text().splitlines()
    assert [json.loads(line)["round"] for line in lines] == [1]
    assert (tmp_path / "run" / "checkpoints" / "round-00001.safetensors").exists()


@pytest.mark.slow  # quick for the engine alone: tests/fed/engines/test_ray.py
def test_ctrl_c_ends_a_run_on_ray_with_code_130_and_no_process_left(tmp_path):
    federation = tiny(method=METHOD, training={"rounds": 500, "batch_size": 8})
    command = [sys.executable, "simulate.py", write(tmp_path, federation), "--engine", "ray"]
    process = subprocess.Popen(
        [*map(str, command), "--set", "engine.workers=2", "--out", str(tmp_path / "run")],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # as in a terminal, where Ctrl-C reaches the whole group
    )
    deadline = time.monotonic() + 120
    while not (tmp_path / "run" / "rounds.jsonl").exists() or not lines(tmp_path):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.2)
    family = psutil.Process(process.pid).children(recursive=True)
    assert any("SiteWorker" in child.name() for child in family)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"--resume {tmp_path / 'run'}" in errors
    _, alive = psutil.wait_procs(family, timeout=30)
    assert not alive


def lines(folder):
    return (folder / "run" / "rounds.jsonl").read_text()
