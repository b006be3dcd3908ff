"""Every command of the README does what it says; federations are made small, so that it is quick."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.federations import ROOT, simulate

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
COMMANDS = [
    line.split("#")[0].strip() for block in BLOCKS for line in block.splitlines() if line.strip()
]
SIMULATIONS = [c for c in COMMANDS if c.startswith("python simulate.py")]
TARGETS = [c for c in COMMANDS if c.startswith("make ")]
ELSEWHERE = {
    ". .venv/bin/activate": "tests/acceptance/test_readme.py",  # what `make -n setup` creates
    "flwr run . local-simulation --stream": "tests/acceptance/test_deployment.py",
}
SMALL = [f"sites.{group}.{size}" for group in range(4) for size in ("cases=8", "count=2")] + [
    "training.rounds=2",
    "data.image_size=32",
    "data.volume_size=[4, 32, 32]",
    "evaluation.bootstrap=20",
]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that looks like a clone to the commands, and takes their outputs."""
    folder = tmp_path_factory.mktemp("clone")
    (folder / "configs").symlink_to(ROOT / "configs")
    return folder


def test_every_command_is_run_by_a_test():
    others = set(COMMANDS) - set(SIMULATIONS) - set(TARGETS)
    assert others <= set(ELSEWHERE)
    assert len(SIMULATIONS) >= 4
    assert all((ROOT / test).exists() for test in ELSEWHERE.values())


def test_simulations_run_one_after_the_other(clone: Path):
    for text in SIMULATIONS:
        arguments = shlex.split(text)[2:]
        if "--resume" not in arguments and "--quick" not in arguments:
            arguments += [part for value in SMALL for part in ("--set", value)]
        if "--quick" in arguments:
            arguments.append("--dry-run")
        done = simulate(*arguments, cwd=clone)
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("text", sorted(set(TARGETS)))
def test_targets_exist_and_name_programs_that_exist(text: str):
    done = subprocess.run(
        ["make", "-n", *shlex.split(text)[1:]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for module in re.findall(r"python -m ([\w.]+)", done.stdout):
        path = ROOT / module.replace(".", "/")
        installed = module in ("pip", "pytest", "venv")
        assert installed or path.with_suffix(".py").exists() or path.is_dir(), module
    for script in re.findall(r"python (\w+\.py) (\S+)?", done.stdout):
        assert all((ROOT / name).exists() for name in script if "$" not in name)
