"""Where the virtual time of the sites went."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from fed.report.style import DOWN_COLOUR, UP_COLOUR, Panel, legend_below, panel
from fed.report.words import duration
from fed.results import Time

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KINDS = {
    "receiving": (DOWN_COLOUR, "receives"),
    "computing": ("#d1590a", "computes"),
    "sending": (UP_COLOUR, "sends"),
    "waiting": ("#e8dcc6", "waits for others"),
    "in_vain": ("#8c2d04", "too late"),
    "away": ("#f4f4f2", "away"),
}
"""Colour and words of what a site does with virtual time."""


def waiting_panels(time: Time) -> list[Panel]:
    """Draw where the virtual time of a site went, a bar a group."""
    seconds = time.virtual_by_group or {}
    if not any(sum(spent.values()) for spent in seconds.values()):
        return []

    def draw(axes: "Axes") -> None:
        draw_time(axes, seconds)
        legend_below(axes)

    note = "Of one site, on average over the group. All bars are as long as the run."
    return [panel("Who waits for whom", draw, 135 + 30 * len(seconds), note)]


def draw_time(axes: "Axes", seconds: Mapping[str, Mapping[str, float]]) -> None:
    """Draw a stacked bar a row: virtual time by kind of work."""
    from matplotlib.ticker import FuncFormatter

    rows = np.arange(len(seconds))
    start = np.zeros(len(seconds))
    for kind, (colour, words) in KINDS.items():
        width = np.array([spent[kind] for spent in seconds.values()])
        if width.any():
            axes.barh(rows, width, 0.62, left=start, color=colour, label=words, edgecolor="white")
        start += width
    axes.set_yticks(rows, list(seconds))
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, 1.0001 * start.max())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: duration(value)))
    axes.set_xlabel("virtual time")
