"""What a run takes: ``python -m benchmarks.scale CONFIG [simulate.py's other arguments]``.

Prints seconds, seconds of all cores together, and the peak of memory over all processes; writes
them to `results/scale.csv` if the run succeeds.
"""

import csv
import sys
import time
from pathlib import Path

from benchmarks.watching import watch

RESULTS = Path(__file__).parents[1] / "results" / "scale.csv"


def main() -> None:
    """Run, watch, and tell."""
    took = watch([sys.executable, "simulate.py", *sys.argv[1:]])
    if took.code:
        sys.exit(took.code)
    measured = {
        "arguments": " ".join(sys.argv[1:]),
        **{name: f"{value:.4g}" for name, value in took._asdict().items() if name != "code"},
        "date": time.strftime("%Y-%m-%d"),
    }
    with RESULTS.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([measured, measured.values()])
    print("; ".join(f"{name} {value}" for name, value in measured.items()))


if __name__ == "__main__":
    main()
