"""Estimates drawn one under the other: a mark for each value, a bar for its interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fed.report.style import CONDITION_COLOUR, CONDITION_MARKER, INK, MUTED, RULE
from fed.results import Estimate
from fed.sites import Condition

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class DrawnRow:
    """One row: its name, its estimate, and what is told at its right end."""

    name: str
    estimate: Estimate
    told: str


def draw_rows(
    axes: "Axes", rows: Sequence[DrawnRow], condition: Condition, label: str, leads: bool = False
) -> None:
    """Draw rows from the top.

    Parameters
    ----------
    condition : {"both", "fundus", "oct"}
        Whose colour and mark they have.
    label : str
        Of the axis of values.
    leads : bool
        Whether the first row stands for all the others.
    """
    colour, marker = CONDITION_COLOUR[condition], CONDITION_MARKER[condition]
    for at, row in enumerate(rows):
        first, found = leads and at == 0, row.estimate
        if found.low is not None and found.high is not None:
            axes.plot(
                [found.low, found.high],
                [at, at],
                color=colour,
                linewidth=3 if first else 1.6,
                solid_capstyle="round",
                alpha=0.45,
            )
        if found.value is not None:
            axes.plot([found.value], [at], marker, color=colour, markersize=8 if first else 5.5)
        axes.annotate(
            row.told,
            (1.0, at),
            xytext=(4, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            fontsize=11.5,
            color=INK if first else MUTED,
            fontweight="bold" if first else "normal",
        )
    axes.set_yticks(range(len(rows)), [row.name for row in rows])
    if leads:
        axes.get_yticklabels()[0].set_color(INK)
        axes.get_yticklabels()[0].set_fontweight("bold")
        if len(rows) > 1:
            axes.axhline(0.5, color=RULE, linewidth=0.8)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(label)
