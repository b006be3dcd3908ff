"""What a run cost: messages and time."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from fed.report.style import DOWN_COLOUR, INK, MUTED, UP_COLOUR, Panel, legend_below, panel
from fed.report.words import duration, size
from fed.results import Results, SiteTraffic

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def cost_panels(results: Results) -> list[Panel]:
    """Draw bytes by group, and time by phase."""
    panels = []
    if results.communication.sites:
        panels.append(_group_panel(results))
    if results.time.phases:
        panels.append(_time_panel(results.time.phases))
    return panels


def group_traffic(results: Results) -> dict[str, tuple[int, SiteTraffic]]:
    """Return the number of sites of each group and the bytes of all of them."""
    groups: dict[str, tuple[int, SiteTraffic]] = {}
    for site in results.sites:
        sites, before = groups.get(site.group, (0, SiteTraffic()))
        sent = results.communication.sites.get(site.name, SiteTraffic())
        both = SiteTraffic(
            down_bytes=before.down_bytes + sent.down_bytes, up_bytes=before.up_bytes + sent.up_bytes
        )
        groups[site.group] = (sites + 1, both)
    return groups


def _group_panel(results: Results) -> Panel:
    groups = group_traffic(results)

    def draw(axes: "Axes") -> None:
        rows = np.arange(len(groups))
        longest = max(max(t.down_bytes, t.up_bytes) for _, t in groups.values()) or 1
        for offset, colour, way in ((-0.19, DOWN_COLOUR, "down"), (0.19, UP_COLOUR, "up")):
            bytes_ = [getattr(sent, f"{way}_bytes") for _, sent in groups.values()]
            axes.barh(rows + offset, bytes_, 0.34, color=colour, label=way)
            for row, ((sites, _), count) in enumerate(zip(groups.values(), bytes_, strict=True)):
                axes.annotate(
                    f"{size(count)}, {size(count / sites)} a site" if sites > 1 else size(count),
                    (count, row + offset),
                    xytext=(4, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=11,
                    color=MUTED,
                )
        axes.set_yticks(rows, [f"{name} × {sites}" for name, (sites, _) in groups.items()])
        axes.set_ylim(len(groups) - 0.4, -0.6)
        axes.set_xlim(0, 2.4 * longest)
        _bare(axes)
        legend_below(axes)

    note = "Down: from the server to the sites. Up: from the sites to the server."
    return panel("Bytes sent, by group", draw, 60 + 46 * len(groups), note)


def _time_panel(wall: Mapping[str, float]) -> Panel:
    def draw(axes: "Axes") -> None:
        rows = np.arange(len(wall))
        axes.barh(rows, list(wall.values()), 0.55, color=DOWN_COLOUR)
        for row, seconds in enumerate(wall.values()):
            axes.annotate(
                duration(seconds),
                (seconds, row),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
                fontsize=11.5,
                color=INK,
            )
        axes.set_yticks(rows, list(wall))
        axes.set_ylim(len(wall) - 0.4, -0.6)
        axes.set_xlim(0, 1.35 * (max(wall.values()) or 1))
        _bare(axes)

    return panel("Wall-clock time, by phase", draw, 40 + 34 * len(wall))


def _bare(axes: "Axes") -> None:
    """Bars that carry their numbers need no scale."""
    axes.set_xticks([])
    axes.spines[["bottom", "left"]].set_visible(False)
