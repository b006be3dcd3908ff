"""How long studies will take.

``python -m benchmarks.evidence_cost STUDY [STUDY ...] [--quick] [--set KEY=VALUE]``

`make evidence` calls it before it starts. Finished runs in `runs/evidence` are not counted, nor is
what a study takes to start. A study of real eyes whose data is not there is named and left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from fed.config import load
from fed.data.opening import open_source
from fed.errors import UserError
from fed.report.words import duration
from fed.study.cost import sites_of
from fed.study.plan import plan, quick
from server.simulation import cards_of
from server.study import StudyRunner

FOLDER = Path("runs/evidence")


def main() -> None:
    """Print what is left of each study, and of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("studies", nargs="+")
    parser.add_argument("--quick", action="store_true", help="their coarse versions")
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    parser.add_argument("--out", type=Path, default=FOLDER)
    asked = parser.parse_args()
    total = 0.0
    for name in asked.studies:
        try:
            seconds = expected_seconds(name, asked.out / name, asked.quick, asked.overrides)
        except UserError as error:
            print(f"{name}: not counted: {error}")
            continue
        print(f"{name}: {duration(seconds)}", flush=True)
        total += seconds
    print(f"all of them are expected to take {duration(total)} on all cores")


def expected_seconds(name: str, folder: Path, coarse: bool, overrides: Sequence[str]) -> float:
    """Return how long what is left of a study will take on the cores that there are."""
    config = load([Path(f"configs/studies/{name}.yaml")], overrides)
    config = quick(config) if coarse else config
    runs = plan(config)
    sites = None
    if config.data.real:
        sites = sites_of(cards_of(open_source(runs[0].config, check=False), runs[0].config))
    return StudyRunner(runs, folder, config.engine.workers, Console(), sites).expected_seconds


if __name__ == "__main__":
    main()
