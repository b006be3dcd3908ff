"""The processes of a study: each does one job after the other, and one that dies ends its job alone."""

import os
import signal
from pathlib import Path

from rich.console import Console

from fed.config import resolve
from fed.study.plan import plan
from server.recorder import CHECKPOINTS
from server.study import StudyRunner, _context, _Worker, jobs_of
from tests.acceptance.federations import group, tiny

SITES = [
    group("clinic", ["fundus"], cases=12),
    group("unseen", ["fundus", "oct"], role="held_out", cases=12),
]


def runs(seeds: list[int]):
    settings = {"training": {"rounds": 2}, "evaluation": {"every": 99, "bootstrap": 0}}
    return plan(resolve(tiny(sites=SITES, method="experts", study={"seeds": seeds}, **settings)))


def test_runs_of_one_process_are_the_same_as_runs_of_their_own(tmp_path: Path):
    quiet = Console(quiet=True)
    together = runs([100, 101])
    assert not StudyRunner(together, tmp_path / "together", 1, quiet).run()
    assert not StudyRunner(together[1:], tmp_path / "alone", 1, quiet).run()
    one, other = (tmp_path / where / together[1].folder for where in ("together", "alone"))
    for name in ("predictions.csv", "model.safetensors"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    assert not (one / "report.html").exists()
    assert not (one / CHECKPOINTS).exists()


def test_a_process_that_dies_says_so_of_its_job(tmp_path: Path):
    (job,) = jobs_of(runs([100]), tmp_path)
    job.folder.mkdir(parents=True)
    worker = _Worker(_context())
    worker.begin(job)
    os.kill(worker._process.pid, signal.SIGKILL)
    assert worker.ended() == "its process ended with code -9"
    assert not worker.alive
    assert not job.finished
