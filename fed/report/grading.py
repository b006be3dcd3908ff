"""How well eyes of held-out sites are graded: scores by site, confusion, calibration."""

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fed.metrics import confusion, reliability
from fed.report.rows import DrawnRow, draw_rows
from fed.report.style import (
    CONDITION_COLOUR,
    CONDITION_MARKER,
    MUTED,
    SHADE,
    Panel,
    panel,
)
from fed.report.words import GIVEN, metric_words, number
from fed.results import Estimate, Results, Run
from fed.sites import Condition

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHADES = ("#fdfefe", "#edf2f7", "#d3e0ec", "#a3c1da", "#3f78aa", "#174a78")
"""Shares in a confusion matrix, none to all."""
DARK = 0.7
"""Share above which a cell's words are light."""
CELL_INK, CELL_LIGHT = "#20232c", "#fdfdfd"
"""Words on the shades, which are the same on a dark screen; so these do not follow the page."""
NAME_WIDTH = 12
"""Characters after which the name of a grade goes on in the next line; four fit side by side."""


def forest_panels(results: Results, metric: str) -> list[Panel]:
    """Draw a metric with its intervals at each held-out site, a panel a condition, one scale."""
    title = metric_words(metric, len(results.classes)).title
    sites = results.held_out.sites
    rows = {
        condition: [("all sites", results.pooled(condition, metric))]
        + [(site, results.at(site, condition, metric)) for site in sites]
        for condition in results.conditions
    }
    if len(sites) == 1:  # the same cases
        rows = {condition: found[1:] for condition, found in rows.items()}
    limits = _common_limits([estimate for found in rows.values() for _, estimate in found])
    return [
        forest(f"{title}, given {GIVEN[condition]}", title, found, condition, limits)
        for condition, found in rows.items()
    ]


def forest(
    title: str,
    label: str,
    rows: Sequence[tuple[str, Estimate]],
    condition: Condition,
    limits: tuple[float, float],
) -> Panel:
    """Draw estimates with their intervals, a row each; the first stands for all the others."""

    def draw(axes: "Axes") -> None:
        drawn = [DrawnRow(name, estimate, number(estimate.value)) for name, estimate in rows]
        draw_rows(axes, drawn, condition, label, leads=True)
        axes.set_xlim(*limits)

    return panel(title, draw, 70 + 24 * len(rows))


def confusion_panels(run: Run) -> list[Panel]:
    """Draw, by condition, where the eyes of each true grade went."""
    classes = run.results.classes
    return [
        _confusion_panel(confusion(*run.scored(condition)), classes, condition)
        for condition in _with_cases(run)
    ]


def calibration_panels(run: Run) -> list[Panel]:
    """Draw, by condition, how often the model is right against how sure it is."""
    return [_calibration_panel(run, condition) for condition in _with_cases(run)]


def _with_cases(run: Run) -> list[Condition]:
    return [c for c in run.results.conditions if len(run.scored(c)[0])]


def _common_limits(estimates: Sequence[Estimate]) -> tuple[float, float]:
    ends = [v for e in estimates for v in (e.value, e.low, e.high) if v is not None]
    if not ends:
        return 0.0, 1.0
    margin = 0.04 * max(max(ends) - min(ends), 0.1)
    return min(ends) - margin, max(ends) + margin


def _confusion_panel(
    counts: NDArray[np.int64], classes: Sequence[str], condition: Condition
) -> Panel:
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)

    def draw(axes: "Axes") -> None:
        from matplotlib.colors import LinearSegmentedColormap

        shades = LinearSegmentedColormap.from_list("shares", SHADES)
        axes.pcolormesh(shares, cmap=shades, vmin=0, vmax=1, edgecolors="white", linewidth=2)
        for (row, column), share in np.ndenumerate(shares):
            colour = CELL_LIGHT if share > DARK else CELL_INK
            place = (column + 0.5, row + 0.5)
            if totals[row, 0]:
                axes.annotate(
                    f"{share:.0%}",
                    place,
                    xytext=(0, 2),
                    textcoords="offset points",
                    ha="center",
                    color=colour,
                    fontweight="bold" if row == column else "normal",
                )
            axes.annotate(
                str(counts[row, column]),
                place,
                xytext=(0, -12),
                textcoords="offset points",
                ha="center",
                color=colour,
                fontsize=11,
            )
        at = np.arange(len(classes)) + 0.5
        names = [fill(name, NAME_WIDTH, break_long_words=False) for name in classes]
        axes.set_xticks(at, names, **_slant(names))
        axes.set_yticks(at, names)
        axes.set_xlabel("graded as")
        axes.set_ylabel("true grade")
        axes.invert_yaxis()
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)

    return panel(f"Given {GIVEN[condition]}", draw, 80 + 46 * len(classes))


def _slant(names: Sequence[str]) -> dict[str, Any]:
    """Slant names that would run into each other."""
    longest = max(len(line) for name in names for line in name.splitlines())
    if longest * len(names) <= 4 * NAME_WIDTH:
        return {}
    return {"rotation": 35, "ha": "right", "rotation_mode": "anchor"}


def _calibration_panel(run: Run, condition: Condition) -> Panel:
    bins = reliability(*run.scored(condition))
    filled = bins.counts > 0
    share = bins.counts / bins.counts.sum()
    centres = (bins.edges[:-1] + bins.edges[1:]) / 2

    def draw(axes: "Axes") -> None:
        colour = CONDITION_COLOUR[condition]
        axes.bar(centres, 0.4 * share / share.max(), 0.055, color=SHADE)
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        axes.plot(bins.confidence[filled], bins.accuracy[filled], color=colour, linewidth=1.4)
        axes.scatter(
            bins.confidence[filled],
            bins.accuracy[filled],
            s=12 + 160 * share[filled],
            color=colour,
            marker=CONDITION_MARKER[condition],
            linewidths=0,
        )
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.02)
        axes.set_xlabel("how sure the model is")
        axes.set_ylabel("how often it is right")

    return panel(f"Given {GIVEN[condition]}", draw, 235)
