"""Figure for docs/uneven-world.md: ``python -m benchmarks.uneven RUN [RUN ...] --out FIGURE.png``.

A panel a run: where the virtual time of a site went, on average over the sites of each group. The
table beside it, `results/uneven.csv`: held-out AUC and virtual time of each run.
"""

import argparse
import csv
import json
from pathlib import Path
from typing import Any

from fed.config import load
from fed.report.participation import Participation, parse_participation
from fed.report.waiting import draw_time
from fed.report.words import duration


def main() -> None:
    """Draw the figure, and print the tables beside it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, help="folders of finished runs")
    parser.add_argument("--out", type=Path, default=Path("docs/figures/uneven-world.png"))
    parser.add_argument("--csv", type=Path, default=Path("results/uneven.csv"))
    arguments = parser.parse_args()
    results = [json.loads((run / "results.json").read_text()) for run in arguments.runs]
    read = [parse_participation(raw) for raw in results]
    for run, raw, participation in zip(arguments.runs, results, read, strict=True):
        tell(run, raw, participation)
    titles = [title(run) for run in arguments.runs]
    draw(titles, read, arguments.out)
    tabulate(titles, results, arguments.csv)


def title(run: Path) -> str:
    """Name a run by its deadline."""
    deadline = load([run / "config.yaml"]).clock.deadline_s
    return "no deadline" if deadline is None else f"virtual deadline of {deadline:g} s"


def draw(titles: list[str], runs: list[Participation], out: Path) -> None:
    """Draw all runs on one scale, so that lengths compare."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.5, 1.0 + 2.3 * len(runs)), layout="constrained")
    panels = figure.subplots(len(runs), 1, sharex=True, squeeze=False)[:, 0]
    longest = max(sum(spent.values()) for run in runs for spent in run.seconds.values())
    for axes, name, run in zip(panels, titles, runs, strict=True):
        draw_time(axes, run.seconds)
        axes.set_xlim(0, 1.0001 * longest)
        axes.set_title(name, loc="left", fontsize=11)
        axes.spines[["top", "right"]].set_visible(False)
        axes.label_outer()
    found = {
        label: handle
        for axes in panels
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(found.values(), found, loc="outside lower center", ncols=6, frameon=False)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=150)
    print(out)


def tabulate(titles: list[str], results: list[dict[str, Any]], out: Path) -> None:
    """Write what each run reached under each condition, with its interval, and in what time."""
    with out.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["run", "condition", "auc", "low", "high", "virtual_seconds"])
        for name, raw in zip(titles, results, strict=True):
            for condition, metrics in raw["held_out"]["pooled"].items():
                auc = [f"{metrics['auc'][part]:.4f}" for part in ("value", "low", "high")]
                writer.writerow([name, condition, *auc, f"{raw['time']['virtual_seconds']:.1f}"])


def tell(run: Path, raw: dict[str, object], participation: Participation) -> None:
    """Print participation, and what each AUC took, as rows of Markdown."""
    print(f"\n{run}: virtual time {duration(raw['time']['virtual_seconds'])}")  # type: ignore[index]
    for group, counts in participation.outcomes.items():
        total = sum(counts.values())
        shares = ", ".join(f"{k} {100 * n / total:.0f} %" for k, n in counts.items() if n)
        print(f"| {group} | {shares} |")
    for mark in participation.marks:
        reached = ", ".join(f"{auc} {condition}" for condition, auc in mark.reached.items())
        print(
            f"| {reached} | {mark.round} | {duration(mark.virtual_seconds)} | "
            f"{mark.down / 1e6:.1f} | {mark.up / 1e6:.1f} |"
        )


if __name__ == "__main__":
    main()
