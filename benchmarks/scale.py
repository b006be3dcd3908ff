"""What a run takes: ``python -m benchmarks.scale CONFIG [simulate.py's other arguments]``.

Prints seconds, seconds of all cores together, and the peak of memory over the whole family of
processes, shared memory (Ray's object store) counted once; writes them to `results/scale.csv`.
"""

import csv
import subprocess
import sys
import time
from contextlib import suppress
from datetime import date
from pathlib import Path

import psutil

RESULTS = Path(__file__).parents[1] / "results" / "scale.csv"
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
    measured = {
        "arguments": " ".join(sys.argv[1:]),
        "exit_code": code,
        "seconds": round(time.monotonic() - start),
        "core_seconds": round(sum(spent.values())),
        "peak_gib": f"{peak / 2**30:.2f}",
        "load": f"{psutil.getloadavg()[1]:.1f}",
        "date": date.today().isoformat(),
    }
    with RESULTS.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([measured, measured.values()])
    print("; ".join(f"{name} {value}" for name, value in measured.items()))


def family(run: psutil.Popen) -> list[psutil.Process]:
    """Return a process and all that descend from it."""
    with suppress(psutil.NoSuchProcess):
        return [run, *run.children(recursive=True)]
    return []


if __name__ == "__main__":
    main()
