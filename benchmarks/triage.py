"""How much of the second image's gain comes with how many examinations, over several seeds.

``python simulate.py configs/studies/after_training.yaml --out runs/evidence/after_training``, then
``python -m benchmarks.triage``: the curves of each run, and the figure of `docs/judging.md`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray

from benchmarks.study_runs import arguments, read, runs_of, t_interval, table, write
from fed.judgement.triage import ENOUGH, METRICS, ORDERS, SHARES
from fed.report.triage import CLINIC, OTHER
from fed.report.words import metric_words
from fed.results.judgement import FirstImage, Mix

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEADS = ("seed", "clinic", "mix", "metric", "gain", "share", *ORDERS)
CLASSES = 4
COLOUR: dict[FirstImage, str] = {"fundus": "#0072b2", "oct": "#d55e00"}
MIX: dict[Mix, str] = {"drawn": "even mix (drawn)", "given": "screening mix (given)"}
WORDS = {
    "margin": "smallest margin first",
    "seen": "by what the second image changed, once seen",
    "chance": "random order",
}
LOOK: dict[str, dict[str, Any]] = {
    "margin": {"color": "#333333", "linewidth": 1.0},
    "seen": {"color": "#777777", "linestyle": ":", "linewidth": 1.8},
    "chance": {"color": "#777777", "linestyle": "--", "linewidth": 1.4},
}


def main() -> None:
    """Write table and figure, and print what they say."""
    parser = arguments(__doc__, Path("results/triage.csv"))
    parser.add_argument("--figure", type=Path, default=Path("docs/figures/triage.png"))
    asked = parser.parse_args()
    write(asked.write, HEADS, rows_of(asked.folder))
    draw(read(asked.write), asked.figure)
    print(page(asked.write))


def rows_of(folder: Path) -> Iterator[Sequence[Any]]:
    """Yield a row a run, clinic, mix, metric and share; without one where no gain is shown."""
    for run in runs_of(folder, "local"):
        triage = run.results.triage
        assert triage is not None
        for first, mixes in triage.clinics.items():
            for mix, clinic in mixes.items():
                for metric, score in clinic.metrics.items():
                    curves = [score.curves[order].share_of_gain for order in ORDERS]
                    for share, *parts in zip(triage.shares, *curves, strict=True):
                        place = (run.results.seed, first, mix, metric, score.gain.value, share)
                        yield (*place, *(part.value for part in parts))


class Curves:
    """The curves of all seeds, of one kind of clinic at one mix.

    Attributes
    ----------
    gains : list of float
        Of all seeds.
    values : dict
        By order ``(seeds, shares)``, of the seeds with a gain that is shown.
    """

    def __init__(
        self, stored: Sequence[dict[str, str]], first: FirstImage, mix: Mix, metric: str
    ) -> None:
        rows = [r for r in stored if (r["clinic"], r["mix"], r["metric"]) == (first, mix, metric)]
        by_seed: dict[str, list[dict[str, str]]] = {}
        for row in rows:
            by_seed.setdefault(row["seed"], []).append(row)
        self.gains = [float(of_seed[0]["gain"]) for of_seed in by_seed.values()]
        shown = [of_seed for of_seed in by_seed.values() if of_seed[0]["entropy"]]
        self.values: dict[str, NDArray[np.float64]] = {
            order: np.array([[float(row[order]) for row in of_seed] for of_seed in shown])
            for order in ORDERS
        }

    def enough(self, order: str) -> float:
        """Return the smallest share that brings nearly all of the gain, on average."""
        mean = self.values[order].mean(axis=0)
        return SHARES[int((mean >= ENOUGH - 1e-9).argmax())]


def page(source: Path) -> str:
    """Return the stored table as Markdown."""
    stored, lines = read(source), []
    for first in get_args(FirstImage):
        for mix in get_args(Mix):
            for metric in METRICS:
                curves = Curves(stored, first, mix, metric)
                gain, low, high = (100 * value for value in t_interval(curves.gains))
                name = metric_words(metric, CLASSES).in_text
                lines.append(
                    [
                        f"{CLINIC[first]}, {MIX[mix]}, {name}",
                        f"{gain:+.1f} [{low:+.1f}, {high:+.1f}]",
                        *(f"{100 * curves.enough(order):.0f} %" for order in ORDERS),
                        f"{len(curves.values['entropy'])} of {len(curves.gains)}",
                    ]
                )
    heads = ["clinics, grades, metric", "whole gain, points", "95 % of it by entropy", "by margin"]
    heads += ["once seen", "at random", "seeds with a gain"]
    return table(heads, lines)


def draw(stored: Sequence[dict[str, str]], out: Path, metric: str = "accuracy") -> None:
    """Draw the curves of both kinds of clinic at both mixes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 7.2), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True, sharey=True, gridspec_kw={"wspace": 0.06})
    for row, first in zip(panels, get_args(FirstImage), strict=True):
        for axes, mix in zip(row, get_args(Mix), strict=True):
            _draw_panel(axes, Curves(stored, first, mix, metric), first, mix)
    for axes in panels[:, 0]:
        axes.set_ylabel(f"% of the gain in {metric_words(metric, CLASSES).in_text}")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=150, metadata={"Software": None})
    print(out)


def _draw_panel(axes: Axes, curves: Curves, first: FirstImage, mix: Mix) -> None:
    shares = 100 * np.array(SHARES)
    found = 100 * curves.values["entropy"]
    low, high = np.array([t_interval(values)[1:] for values in found.T]).T
    label = "highest entropy first, with its 95 % interval over seeds"
    axes.fill_between(shares, low, high, color=COLOUR[first], alpha=0.18, linewidth=0)
    axes.plot(shares, found.mean(axis=0), color=COLOUR[first], linewidth=2.2, label=label)
    for order, look in LOOK.items():
        axes.plot(shares, 100 * curves.values[order].mean(axis=0), label=WORDS[order], **look)
    axes.axhline(100, color="#999999", linewidth=0.6)
    axes.set_xlim(0, 100)
    axes.set_ylim(-10, 125)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    name = CLINIC[first]
    axes.set_title(f"{name[:1].upper()}{name[1:]}, {MIX[mix]}", loc="left", fontsize=11)
    axes.set_xlabel(f"% of eyes sent for {OTHER[first]}")


if __name__ == "__main__":
    main()
