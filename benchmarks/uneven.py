"""Figure for docs/uneven-world.md: ``python -m benchmarks.uneven RUN [RUN ...] --out FIGURE.png``.

A panel a run: where the virtual time of a site went, on average over the sites of each group. The
table beside it, `results/uneven.csv`: held-out AUC and virtual time of each run.
"""

import argparse
import csv
from pathlib import Path

from fed.config import load
from fed.report.participation import marks
from fed.report.waiting import draw_time
from fed.report.words import duration
from fed.results import Results, read_results


def main() -> None:
    """Draw the figure, and print the tables beside it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, help="folders of finished runs")
    parser.add_argument("--out", type=Path, default=Path("docs/figures/uneven-world.png"))
    parser.add_argument("--csv", type=Path, default=Path("results/uneven.csv"))
    arguments = parser.parse_args()
    results = [read_results(run) for run in arguments.runs]
    for run, found in zip(arguments.runs, results, strict=True):
        tell(run, found)
    titles = [title(run) for run in arguments.runs]
    draw(titles, results, arguments.out)
    tabulate(titles, results, arguments.csv)


def title(run: Path) -> str:
    """Name a run by its deadline."""
    deadline = load([run / "config.yaml"]).clock.deadline_s
    return "no deadline" if deadline is None else f"virtual deadline of {deadline:g} s"


def draw(titles: list[str], runs: list[Results], out: Path) -> None:
    """Draw all runs on one scale, so that lengths compare."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.5, 1.0 + 2.3 * len(runs)), layout="constrained")
    panels = figure.subplots(len(runs), 1, sharex=True, squeeze=False)[:, 0]
    spent_by_run = [run.time.virtual_by_group or {} for run in runs]
    longest = max(sum(spent.values()) for groups in spent_by_run for spent in groups.values())
    for axes, name, groups in zip(panels, titles, spent_by_run, strict=True):
        draw_time(axes, groups)
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


def tabulate(titles: list[str], results: list[Results], out: Path) -> None:
    """Write what each run reached under each condition, with its interval, and in what time."""
    with out.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        headline = results[0].headline
        writer.writerow(["run", "condition", headline, "low", "high", "virtual_seconds"])
        for name, found in zip(titles, results, strict=True):
            for condition in found.conditions:
                scored = found.pooled(condition, headline)
                figures = [f"{v:.4f}" for v in (scored.value, scored.low, scored.high)]
                writer.writerow([name, condition, *figures, f"{found.time.virtual_seconds:.1f}"])


def tell(run: Path, results: Results) -> None:
    """Print participation, and what each mark took, as rows of Markdown."""
    print(f"\n{run}: virtual time {duration(results.time.virtual_seconds)}")
    for group, counts in results.participation.groups.items():
        total = sum(counts.values())
        shares = ", ".join(f"{k} {100 * n / total:.0f} %" for k, n in counts.items() if n)
        print(f"| {group} | {shares} |")
    for mark in marks(results.to_accuracy):
        reached = ", ".join(f"{value} {condition}" for condition, value in mark.reached.items())
        cost = mark.cost
        print(
            f"| {reached} | {cost.round} | {duration(cost.virtual_seconds)} | "
            f"{cost.down_bytes / 1e6:.1f} | {cost.up_bytes / 1e6:.1f} |"
        )


if __name__ == "__main__":
    main()
