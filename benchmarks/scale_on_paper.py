"""What a round of 1,000 to 100,000 sites would take, on paper: ``python -m benchmarks.scale_on_paper RUN``.

The largest update of a site and what it adds to the log are read off RUN, a finished run; beside it
stands an update of 1 GB, about what the published networks send. What the server takes to add one is
what `results/engine.csv` measured of Ray's engine on one machine. Nothing is run. Writes
`results/scale_on_paper.csv`.
"""

import csv
import json
import sys
from pathlib import Path
from typing import NamedTuple

RESULTS = Path(__file__).parents[1] / "results"
SITES = (1_000, 10_000, 100_000)
GIB = 2**30


class Row(NamedTuple):
    """One round: what passes, how long the server adds, what it holds, what it logs."""

    update: str
    sites: int
    update_mb: float
    up_gib: float
    summed_s: float
    held_gib_norm_bounded: float
    held_gib_mean: float
    log_mb: float


def measured(megabytes: int, quantity: str) -> float:
    """Return what Ray's engine took of a model of that size, with as many sites as were measured."""
    with (RESULTS / "engine.csv").open() as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if (row["question"], row["runtime"], row["quantity"]) == ("one model", "ray", quantity)
            and row["megabytes"] == str(megabytes)
        ]
    return float(max(rows, key=lambda row: int(row["sites"]))["value"])


def of_run(run: Path) -> tuple[float, float]:
    """Return the bytes of a site's largest update, and those that a site adds to a round's log."""
    largest, logged = 0, 0.0
    for line in (run / "rounds.jsonl").read_text().splitlines():
        sites = json.loads(line)["sites"]
        largest = max(largest, *(site["up_bytes"] for site in sites.values()))
        logged = max(logged, len(line) / len(sites))
    return largest, logged


def rows(run: Path) -> list[Row]:
    """Return the table."""
    update, logged = of_run(run)
    table = []
    for name, size, nearest in (("of the run", update, 32), ("1 GB", float(GIB), 1024)):
        rate = measured(nearest, "seconds a site") / (nearest * 2**20 / GIB)
        mean = measured(nearest, "server peak, models") * size / GIB
        for sites in SITES:
            total, log = sites * size / GIB, sites * logged / 1e6
            table.append(Row(name, sites, size / 1e6, total, total * rate, total, mean, log))
    return table


def main() -> None:
    """Compute, print and write."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    table = rows(Path(sys.argv[1]))
    with (RESULTS / "scale_on_paper.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Row._fields)
        for row in table:
            cells = [f"{cell:.4g}" if isinstance(cell, float) else cell for cell in row]
            writer.writerow(cells)
            print("; ".join(f"{k} {v}" for k, v in zip(Row._fields, cells, strict=True)))


if __name__ == "__main__":
    main()
