"""A run in which one write to its folder goes wrong, for each of its writes in turn.

`python -m tests.acceptance.interruptions killed FOLDER` runs a federation once undisturbed and counts what
it does to its folder; then once for each of these, and the process dies before it (`killed`), dies in the
middle of it (`torn`), or the disk is full from there on (`full`). Every one is gone on with as a user would,
and has to come to the bytes of the undisturbed run. Processes are forked, so that nothing is imported twice.
`--engine ray --at 8 14` does it on Ray, whose processes have to be gone as well, for the ninth and the fifteenth.
"""

import argparse
import errno
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any, NoReturn

import psutil
import yaml

from fedrima.session import Asked, StoppedError, execute
from tests.acceptance.federations import group, tiny

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"}
OUTPUTS = ("predictions.csv", "model.safetensors", "config.yaml", "model.json")
TIMES = ("seconds", "time", "wall", "measured")
FEDERATION = tiny(
    sites=[
        group("hospital", ["fundus", "oct"], cases=8),
        group("clinic", ["fundus"], cases=8),
        group("unseen", ["fundus", "oct"], role="held_out", cases=8),
    ],
    training={"rounds": 2, "batch_size": 8, "lr": 0.003},
    evaluation={"every": 1, "bootstrap": 5, "triage": None},
    server={"checkpoints": 1},
)

GONE_S = 60
"""Seconds in which whatever a process has started ends after it."""

Wrong = Callable[[str, int], None]
"""Called before a write: with the path, and the flags it is opened with or 0."""


class Writes:
    """Counts what is done to a folder, and lets one of it go wrong."""

    def __init__(self, folder: Path, at: int | None = None, wrong: Wrong | None = None) -> None:
        self.names: list[str] = []
        self._folder, self._at, self._wrong = str(folder.resolve()), at, wrong
        self._inside = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Be the audit hook."""
        if self._inside or (event != "open" and event not in CHANGES):
            return
        path = arguments[0]
        flags = arguments[2] if event == "open" else 0
        writes = event != "open" or flags & (os.O_WRONLY | os.O_RDWR)
        if not writes or not isinstance(path, str | os.PathLike):
            return
        if not os.path.abspath(os.fspath(path)).startswith(self._folder):
            return
        self._inside = True
        self.names.append(f"{event} {Path(path).name}")
        if self._wrong is not None and self._at is not None and len(self.names) > self._at:
            self._wrong(os.fspath(path), flags)
        self._inside = False


def killed(path: str, flags: int) -> None:
    """Die before the write."""
    os.kill(os.getpid(), signal.SIGKILL)


def torn(path: str, flags: int) -> None:
    """Die in the middle of it."""
    if flags:
        kept = os.O_APPEND if flags & os.O_APPEND else os.O_TRUNC
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | kept)
        os.write(descriptor, b'{"round": 1, "ph')
    os.kill(os.getpid(), signal.SIGKILL)


def full(path: str, flags: int) -> None:
    """Find no room, now and later; what is removed or renamed needs none."""
    if flags & os.O_CREAT and not flags & os.O_APPEND:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


def apart(folder: Path, asked: Asked, at: int | None = None, wrong: Wrong | None = None) -> int:
    """Do what is asked in a process of its own; return its exit code, negative if a signal ended it."""
    child = os.fork()
    if child == 0:
        os.setsid()
        _be_the_process(folder, asked, Writes(folder / "run", at, wrong))
    _, status = os.waitpid(child, 0)
    deadline = time.monotonic() + GONE_S
    while left := _of_session(child):
        assert time.monotonic() < deadline, f"still there: {left}"
        time.sleep(0.2)
    return os.waitstatus_to_exitcode(status)


def _of_session(session: int) -> list[str]:
    """Return the processes of a session that still do something."""
    found = []
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.name())
    return found


def _be_the_process(folder: Path, asked: Asked, writes: Writes) -> NoReturn:
    with (folder / "said.txt").open("w") as said, redirect_stdout(said), redirect_stderr(said):
        code = 0
        sys.addaudithook(writes)
        try:
            execute(asked)
        except StoppedError as stopped:
            said.write(str(stopped))
            code = stopped.code
        except BaseException as error:
            said.write(f"Traceback: {type(error).__name__}: {error}")
            code = 1
    (folder / "writes.json").write_text(json.dumps(writes.names))
    os._exit(code)


def begun(folder: Path, engine: str) -> Asked:
    """Return what a user types first."""
    path = folder / "federation.yaml"
    path.write_text(yaml.safe_dump(FEDERATION))
    changes = (f"engine.name={engine}", *(["engine.workers=1"] if engine == "ray" else []))
    return Asked((path,), changes, folder / "run", quiet=True)


def gone_on(folder: Path, engine: str) -> Asked:
    """Return what a user types after an interruption; the run may not have got as far as its config."""
    run = folder / "run"
    begins = not (run / "config.yaml").exists()
    return begun(folder, engine) if begins else Asked(resume=run, quiet=True)


def outcome(folder: Path) -> dict[str, Any]:
    """Return all that a run must come to again: bytes of its files, and results without times."""
    run = folder / "run"
    found: dict[str, Any] = {name: (run / name).read_bytes() for name in OUTPUTS}
    found["results"] = _timeless(json.loads((run / "results.json").read_text()))
    del found["results"]["communication"]  # what was asked twice was sent twice
    lines = (run / "rounds.jsonl").read_text().splitlines()
    found["rounds"] = [_timeless(json.loads(line)) for line in lines]
    found["files"] = sorted(p.name for p in run.iterdir())
    return found


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _timeless(v) for k, v in value.items() if not any(t in k for t in TIMES)}
    return [_timeless(v) for v in value] if isinstance(value, list) else value


def every_write(
    wrong: Wrong, folder: Path, engine: str = "inline", only: Sequence[int] | None = None
) -> int:
    """Let each write, or some of them, go wrong once; return how many did.

    Raises
    ------
    AssertionError
        Naming the write after which the run did not come to the same end.
    """
    whole = folder / "whole"
    whole.mkdir(parents=True)
    assert apart(whole, begun(whole, engine)) == 0, (whole / "said.txt").read_text()
    writes = json.loads((whole / "writes.json").read_text())
    expected = outcome(whole)
    chosen = range(len(writes)) if only is None else only
    for number in chosen:
        here = folder / str(number)
        here.mkdir()
        code = apart(here, begun(here, engine), number, wrong)
        said = (here / "said.txt").read_text()
        place = f"write {number} of {len(writes)}, {writes[number]}: code {code}: {said[:600]}"
        if wrong is full:
            _told_of_a_full_disk(code, said, place)
        else:
            assert code == -signal.SIGKILL, place
        assert apart(here, gone_on(here, engine)) == 0, (
            f"{place}: {(here / 'said.txt').read_text()}"
        )
        found = outcome(here)
        different = [key for key in expected if found[key] != expected[key]]
        assert not different, f"{place}: then another {different[0]}"
    return len(chosen)


def _told_of_a_full_disk(code: int, said: str, place: str) -> None:
    if code == 0:  # what was left to do took no room
        return
    assert code in (2, 3), place
    assert "No space left on device" in said, place
    assert "Traceback" not in said, place


if __name__ == "__main__":
    kinds = {"killed": killed, "torn": torn, "full": full}
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=kinds)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--engine", default="inline", choices=["inline", "ray"])
    parser.add_argument("--at", type=int, nargs="+")
    asked = parser.parse_args()
    print(every_write(kinds[asked.kind], asked.folder, asked.engine, asked.at), "writes")
