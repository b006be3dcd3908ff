"""The published networks at their published sizes, on a machine without a GPU."""

import json
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml

from tests.acceptance.federations import ROOT, group
from tests.fed.data.collections.files import nifti, one_hot, picture, sheet

LIMIT = 20 * 2**30


def collection(root: Path) -> None:
    """Write 16 eyes to train on and 4 held out."""
    for number in range(1, 21):
        picture(root / str(number) / f"data_{number}_fundus.png", 60 + 9 * number, (448, 448))
        nifti(root / str(number) / f"processed_data_{number}.nii", 10 * number)
    rows = [[number, *one_hot(number % 4, 4)] for number in range(1, 21)]
    header = ["data", *(f"class_{k}" for k in range(4))]
    sheet(root / "train.xlsx", header, rows[:16])
    sheet(root / "test.xlsx", header, rows[16:])


def peak_memory(command: list[str]) -> int:
    """Run a command; return the largest memory of all its processes together.

    Proportional set sizes: memory that several processes share counts once.
    """
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    peak = 0
    while process.poll() is None:
        peak = max(peak, memory(psutil.Process(process.pid)))
        time.sleep(0.5)
    assert process.stdout is not None
    assert process.returncode == 0, process.stdout.read().decode()
    return peak


def memory(process: psutil.Process) -> int:
    total = 0
    for one in (process, *process.children(recursive=True)):
        try:
            total += one.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["inline", "ray"])
def test_a_round_of_each_phase_fits_in_20_gib(engine: str, tmp_path: Path) -> None:
    collection(tmp_path / "AMD")
    changes = {
        "data": {"path": str(tmp_path / "AMD"), "prepared": None},
        "model": {"fundus_weights": None, "oct_weights": None},
        "sites": [
            group("hospital", ["fundus", "oct"], count=2, cases=["train"]),
            group("unseen", ["fundus", "oct"], role="held_out", cases=["test"]),
        ],
        "training": {"rounds": 2, "local_epochs": 1},
        "evaluation": {"bootstrap": 0},
        "engine": {"name": engine, "workers": 2 if engine == "ray" else None},
    }
    (tmp_path / "changes.yaml").write_text(yaml.safe_dump(changes))
    run, start = tmp_path / "run", time.perf_counter()
    configs = [str(ROOT / "configs" / "paper.yaml"), str(tmp_path / "changes.yaml")]
    peak = peak_memory([sys.executable, str(ROOT / "simulate.py"), *configs, "--out", str(run)])
    print(f"{engine}: {time.perf_counter() - start:.0f} s, {peak / 2**30:.1f} GiB at most")
    results = json.loads((run / "results.json").read_text())
    assert results["failures"] == []
    assert results["rounds_completed"] == 2
    assert peak < LIMIT
