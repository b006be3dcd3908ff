"""Tiny federations that run in seconds, and a way to run them as a user does."""

import json
import os
import subprocess
import sys
from contextlib import chdir
from pathlib import Path
from typing import Any

import yaml
from typer.testing import CliRunner

from simulate import command

ROOT = Path(__file__).parents[2]


def tiny(**changes: Any) -> dict[str, Any]:
    """Return a federation of four training sites and one held-out site."""
    return {
        "name": "tiny",
        "task": {"classes": ["healthy", "ill"]},
        "data": {"source": "phantom", "image_size": 32, "volume_size": [4, 32, 32]},
        "sites": [
            group("hospital", ["fundus", "oct"]),
            group("clinic", ["fundus"], count=2),
            group("imaging", ["oct"]),
            group("unseen", ["fundus", "oct"], role="held_out"),
        ],
        "training": {"rounds": 3, "batch_size": 8, "lr": 0.003},
        "evaluation": {"every": 2, "bootstrap": 50},
    } | changes


def group(name: str, modalities: Any, **changes: Any) -> dict[str, Any]:
    """Return a group of sites with 24 cases each."""
    return {"name": name, "modalities": modalities, "cases": 24} | changes


def simulate(*arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run `simulate.py` as a user types it, in this process: what is imported is there already."""
    given = [str(argument) for argument in arguments]
    with chdir(cwd):
        result = CliRunner().invoke(command, given)
    unforeseen = result.exception
    if unforeseen is not None and not isinstance(unforeseen, SystemExit):
        raise unforeseen
    return subprocess.CompletedProcess(given, result.exit_code, result.stdout, result.stderr)


def simulate_apart(*arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run `simulate.py` in a process of its own: for exit codes, signals and studies."""
    return subprocess.run(
        [sys.executable, str(ROOT / "simulate.py"), *map(str, arguments)],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def write(folder: Path, federation: dict[str, Any]) -> Path:
    """Write a configuration file."""
    path = folder / "federation.yaml"
    path.write_text(yaml.safe_dump(federation))
    return path


def run(folder: Path, federation: dict[str, Any], *arguments: object) -> dict[str, Any]:
    """Run a federation in `folder/run`; return its results."""
    done = simulate(write(folder, federation), "--out", folder / "run", "--quiet", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((folder / "run" / "results.json").read_text())
