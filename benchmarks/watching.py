"""Watch a command and all processes that descend from it: seconds and memory."""

import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, NamedTuple

import psutil

LOOK_S = 0.5


class Took(NamedTuple):
    """What a command took.

    Attributes
    ----------
    code : int
        Its exit code.
    seconds, core_seconds : float
        On the wall, and of all cores together.
    peak_gib : float
        Peak of memory over all processes, what they share (Ray's object store) counted once.
    load : float
        Of the machine over the last five minutes.
    """

    code: int
    seconds: float
    core_seconds: float
    peak_gib: float
    load: float


def watch(command: Sequence[str], output: IO[str] | None = None) -> Took:
    """Run a command to its end; what it prints goes to `output`, or to the terminal."""
    start = time.monotonic()
    run = psutil.Popen(command, stdout=output, stderr=output and subprocess.STDOUT)
    peak, spent = 0, {}
    while True:
        with suppress(subprocess.TimeoutExpired, psutil.TimeoutExpired):
            code = run.wait(LOOK_S)
            break
        held = 0
        for process in _family(run):
            with suppress(psutil.Error):
                held += process.memory_full_info().pss
                times = process.cpu_times()
                spent[process.pid] = times.user + times.system
        peak = max(peak, held)
    seconds, load = time.monotonic() - start, psutil.getloadavg()[1]
    return Took(code, seconds, sum(spent.values()), peak / 2**30, load)


def _family(run: psutil.Popen) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return [run, *run.children(recursive=True)]
    return []
