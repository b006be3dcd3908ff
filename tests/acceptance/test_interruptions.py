"""Whatever a run is doing to its folder when it is killed, or has no room left: it is gone on with."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.federations import ROOT, run, simulate, tiny, write

OUTPUTS = ("predictions.csv", "model.safetensors")


def writes(*arguments: object) -> int:
    """Let writes go wrong in a process of its own; return how many did."""
    command = [sys.executable, "-m", "tests.acceptance.interruptions", *map(str, arguments)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return int(done.stdout.split()[-2])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["killed", "torn", "full"])
def test_every_write_of_a_run_may_go_wrong(kind: str, tmp_path: Path) -> None:
    assert writes(kind, tmp_path) > 20


@pytest.mark.slow
def test_of_a_killed_run_on_ray_nothing_is_left_and_it_is_gone_on_with(tmp_path: Path) -> None:
    first_record, second_checkpoint, model = 8, 14, 19
    at = (first_record, second_checkpoint, model)
    assert writes("killed", tmp_path, "--engine", "ray", "--at", *at) == len(at)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with room for a little more than one checkpoint."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1200k", "tmpfs", str(folder)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.slow
def test_a_disk_that_is_really_full_is_named_and_the_run_goes_on_elsewhere(
    disk: Path, tmp_path: Path
) -> None:
    federation = tiny(method="experts", evaluation={"every": 9, "bootstrap": 2})
    run(tmp_path, federation)
    path = write(tmp_path, federation)
    done = simulate(path, "--out", disk / "run", "--quiet")
    assert done.returncode in (2, 3)
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    moved = shutil.copytree(disk / "run", tmp_path / "moved")
    again = ("--resume", moved) if (moved / "config.yaml").exists() else (path, "--out", moved)
    done = simulate(*again, "--quiet")
    assert done.returncode == 0, done.stderr
    for name in OUTPUTS:
        assert (moved / name).read_bytes() == (tmp_path / "run" / name).read_bytes()
