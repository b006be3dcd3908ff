"""Many spoiled inputs, one after the other, in a process with a limit of time and of memory.

`python -m tests.fuzz.configurations 2000` and so on; the numbers from `FIRST` on can be had one by one,
so that what was found is tried again alone: `python -m tests.fuzz.configurations 1 --first 1234`.
"""

import argparse
import os
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from fed.errors import UserError

ROOT = Path(__file__).parents[2]
SECONDS, MIB = 10, 2048
"""What one input may take."""
ADDRESSES, PATIENCE_S = 8 * 2**30, 120
"""Bytes that a batch may map, and seconds by the clock until an input is given up."""
LONGEST = 2000
"""Letters of a refusal."""
MARK = "executed"
"""A file that nobody may have written."""
SPREAD = f"open('{MARK}', 'w')"

Try = Callable[[np.random.Generator, Path], None]
"""Make an input in a folder and read it; a UserError refuses it."""

VALUES: Sequence[Any] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, -(2**64), 10**30, 0.5, -0.5, 1e308, -1e308, 1e-320,
    float("nan"), float("inf"), "", " ", "x" * 10_000, "null", "yes", "1e5", "1²", "٣", "-", "../..",
    "/dev/zero", "/dev/null", "/proc/self/mem", "a\nb", "a\x00b", "\ud7ff", "=1+1", "%s%s%n", "{0}",
    "os:system", "builtins:eval", "tests.fuzz.batches:SPREAD", "http://localhost/", [], [[]], {},
    [None], {"use": None}, {"use": "mean", "cut": "x"}, {"": {}}, {"a": {"b": {"c": 1}}},
    ["x"] * 1000, [0] * 1000, {str(i): i for i in range(1000)},
)  # fmt: skip
"""What takes the place of a value."""


def spoiled_bytes(content: bytes, random: np.random.Generator) -> bytes:
    """Return bytes with some flipped, cut out, doubled, or put in their place."""
    data = bytearray(content)
    for _ in range(int(random.integers(1, 5))):
        at = int(random.integers(0, max(1, len(data))))
        length = int(random.integers(1, 40))
        kind = random.integers(6)
        if kind == 0 and data:
            data[at % len(data)] ^= 1 << int(random.integers(8))
        elif kind == 1:
            del data[at : at + length]
        elif kind == 2:
            data[at:at] = data[at : at + length] * int(random.integers(1, 4))
        elif kind == 3:
            data[at : at + length] = random.bytes(length)
        elif kind == 4:
            text = str(VALUES[random.integers(len(VALUES))])[:200]
            data[at:at] = text.encode("utf-8", "surrogatepass")
        else:
            del data[at:]
    return bytes(data)


def chosen(random: np.random.Generator, among: Sequence[Any]) -> Any:
    """Return one of several."""
    return among[int(random.integers(len(among)))]


def many(one: Try, count: int, first: int = 0) -> Counter[str]:
    """Try inputs; return how many were read and how many refused.

    Raises
    ------
    AssertionError
        Naming the input by its number, if it ended in anything but a refusal in one line, or took
        more than it may.
    """
    found: Counter[str] = Counter()
    wrong: list[str] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        os.chdir(folder)
        for number in range(first, first + count):
            try:
                found[_tried(one, number, folder)] += 1
            except AssertionError as error:
                wrong.append(str(error))
        os.chdir(ROOT)
    assert not wrong, f"{len(wrong)} of {count}:\n" + "\n".join(wrong[:20])
    return found


def _tried(one: Try, number: int, folder: Path) -> str:
    started, before, outcome = time.process_time(), _peak(), "read"
    signal.signal(signal.SIGALRM, _given_up)
    signal.alarm(PATIENCE_S)
    try:
        one(np.random.default_rng([number]), folder)
    except UserError as error:
        outcome, words = "refused", str(error)
        assert "\n" not in words, f"input {number}: refused on several lines: {words[:500]}"
        assert len(words) < LONGEST, f"input {number}: {len(words)} letters: {words[:500]}"
    except BaseException as error:
        raise AssertionError(f"input {number}: {type(error).__name__}: {error}"[:500]) from error
    finally:
        signal.alarm(0)
    seconds = time.process_time() - started
    assert seconds < SECONDS, f"input {number} took {seconds:.1f} s"
    peak = _peak()
    assert peak < MIB or peak == before, f"input {number} took {peak:.0f} MiB"
    assert not (folder / MARK).exists(), f"input {number} was executed"
    return outcome


def _peak() -> float:
    """Return the most memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _given_up(*_: object) -> None:
    raise TimeoutError(f"nothing after {PATIENCE_S} s")


def command(one: Try) -> None:
    """Be the program of a module of inputs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int)
    parser.add_argument("--first", type=int, default=0)
    asked = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))  # else the machine's would go
    found = many(one, asked.count, asked.first)
    told = ", ".join(f"{times} {outcome}" for outcome, times in sorted(found.items()))
    print(f"{asked.count} inputs: {told}; {_peak():.0f} MiB at most")


def run_apart(module: str, count: int) -> str:
    """Try inputs in a process of their own; return what it says."""
    done = subprocess.run(
        [sys.executable, "-m", f"tests.fuzz.{module}", str(count)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    print(module, done.stdout.strip())
    return done.stdout
