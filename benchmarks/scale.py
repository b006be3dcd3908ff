"""What a run takes: ``python -m benchmarks.scale CONFIG [simulate.py's other arguments]``.

Prints seconds, seconds of all cores together, and the peak of memory over the whole family of
processes, shared memory (Ray's object store) counted once.
"""

import subprocess
import sys
import time
from contextlib import suppress

import psutil

LOOK_S = 2.0


def main() -> None:
    """Run, watch, and tell."""
    start = time.monotonic()
    run = psutil.Popen([sys.executable, "simulate.py", *sys.argv[1:]])
    peak, spent = 0, {}
    while True:
        with suppress(subprocess.TimeoutExpired, psutil.TimeoutExpired):
            code = run.wait(LOOK_S)
            break
        held = 0
        for process in family(run):
            with suppress(psutil.Error):
                held += process.memory_full_info().pss
                times = process.cpu_times()
                spent[process.pid] = times.user + times.system
        peak = max(peak, held)
    print(
        f"exit code {code}; {time.monotonic() - start:.0f} s, {sum(spent.values()):.0f} s of all "
        f"cores together; peak memory {peak / 2**30:.2f} GiB; load {psutil.getloadavg()[1]:.1f}"
    )


def family(run: psutil.Popen) -> list[psutil.Process]:
    """Return a process and all that descend from it."""
    with suppress(psutil.NoSuchProcess):
        return [run, *run.children(recursive=True)]
    return []


if __name__ == "__main__":
    main()
