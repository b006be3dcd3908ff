"""Folders of runs: held by one process, and never mistaken for something else."""

import subprocess
import sys
from pathlib import Path

import pytest

from fed.errors import ConfigError
from fed.storage import MARK, check_ours, locked, set_aside

HOLD = """
import sys, time
from pathlib import Path
from fed.storage import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_another_process_cannot_hold_what_one_holds_until_it_is_gone(tmp_path: Path) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "run")],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    with (
        pytest.raises(ConfigError, match="another process is running in it"),
        locked(tmp_path / "run"),
    ):
        pass
    (tmp_path / "run" / "log.txt").touch()
    with pytest.raises(ConfigError, match="another process"):
        set_aside(tmp_path / "run")
    other.kill()
    other.wait()
    with locked(tmp_path / "run"):
        pass


def test_files_that_are_no_run_are_left_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    (tmp_path / "config.yaml").touch()
    with pytest.raises(ConfigError, match="holds files, but no run"):
        set_aside(tmp_path)
    assert (tmp_path / "thesis.tex").exists()


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(ConfigError, match="is a file"):
        check_ours(tmp_path / "run")


@pytest.mark.parametrize("held", [[], [MARK], [MARK, "results.json"], ["config.yaml", "log.txt"]])
def test_what_is_empty_or_a_run_is_ours(tmp_path: Path, held: list[str]) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for name in held:
        (run / name).touch()
    aside = set_aside(run)
    assert aside == (tmp_path / "run.1" if len(held) > 1 else None)


def test_a_folder_that_cannot_be_made_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(ConfigError, match="cannot be written: Not a directory"),
        locked(tmp_path / "file" / "run"),
    ):
        pass
