"""Going back, ending early, and folders that are not what they should be, as a user meets them."""

import os
import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest
import yaml

from tests.acceptance.federations import ROOT, run, simulate, tiny, write

OUTPUTS = ("predictions.csv", "model.safetensors")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    training = {"rounds": 4, "batch_size": 8, "lr": 0.003}  # 3, and the last is left unused
    run(folder, tiny(method="experts", training=training))
    return folder / "run"


@pytest.fixture
def copied(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


def test_a_run_goes_back_to_a_round_and_gets_to_the_same_end(finished, copied):
    done = simulate("--resume", copied, "--from-round", 1, "--quiet")
    assert done.returncode == 0, done.stderr
    assert len((copied / "rounds.jsonl").read_text().splitlines()) == 3
    for name in OUTPUTS:
        assert (copied / name).read_bytes() == (finished / name).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--resume", "RUN", "--from-round", 7], "no checkpoint of that round; there are: 1, 2, 3"),
        (["--from-round", 1], "--from-round: goes with --resume"),
    ],
)
def test_a_round_that_is_not_there_is_refused(copied, arguments, words):
    done = simulate(*[copied if a == "RUN" else a for a in arguments], "--quiet")
    assert done.returncode == 2
    assert words in done.stderr
    assert (copied / "results.json").exists()


@pytest.mark.parametrize(
    ("key", "value"), [("seed", 9), ("training.lr", 0.5), ("data.image_size", 64)]
)
def test_an_edited_configuration_ends_a_resume_with_code_2(copied, key, value):
    content = yaml.safe_load((copied / "config.yaml").read_text())
    *above, last = key.split(".")
    inner = content
    for part in above:
        inner = inner[part]
    inner[last] = value
    (copied / "config.yaml").write_text(yaml.safe_dump(content))
    done = simulate("--resume", copied, "--quiet")
    assert done.returncode == 2
    assert key in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_lost_lines_of_rounds_are_told(copied):
    lines = (copied / "rounds.jsonl").read_text().splitlines(keepends=True)
    (copied / "rounds.jsonl").write_text("".join(lines[:1] + lines[2:]))
    done = simulate("--resume", copied, "--quiet")
    assert done.returncode == 2
    assert "does not hold a line for each of the 3 rounds" in done.stderr


def test_out_takes_no_folder_of_somebody_elses(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("text")
    done = simulate(write(tmp_path, tiny()), "--out", tmp_path / "thesis", "--quiet")
    assert done.returncode == 2
    assert "holds files, but no run" in done.stderr
    assert (tmp_path / "thesis" / "chapter.tex").read_text() == "text"


def test_sigterm_ends_a_run_as_ctrl_c_does(tmp_path):
    ended, _ = terminated(tmp_path, tiny(method="experts", training=LONG))
    assert f"--resume {tmp_path / 'run'}" in ended


@pytest.mark.slow
def test_sigterm_ends_a_run_on_ray_with_all_its_processes(tmp_path):
    _, alive = terminated(tmp_path, tiny(method="experts", training=LONG), "--engine", "ray")
    assert not alive


LONG = {"rounds": 5000, "batch_size": 8, "lr": 0.003}


def terminated(folder, federation, *arguments):
    """End a run by SIGTERM once it has a round; return its last words, and who outlives it."""
    command = [sys.executable, "simulate.py", str(write(folder, federation))]
    process = subprocess.Popen(
        [*command, "--out", str(folder / "run"), *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    rounds = folder / "run" / "rounds.jsonl"
    deadline = time.monotonic() + 180
    while not rounds.exists() or not rounds.read_text():
        assert time.monotonic() < deadline
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.2)
    family = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    _, alive = psutil.wait_procs(family, timeout=30)
    return errors, alive
