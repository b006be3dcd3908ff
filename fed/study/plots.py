"""The drawings of a study's page."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from fed.config.study import ONLY
from fed.report.style import INK, MUTED, SHADE, Panel, legend_below, panel
from fed.report.words import GIVEN, metric_words
from fed.study.findings import Findings
from fed.study.rows import POOLED
from fed.study.tables import Comparison, Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#2f2b52", "#d1590a", "#0072b2", "#6b8e23", "#a23b72", "#7f7f7f", "#b98900", "#17807e")
MARKERS = "osD^vPXd"
REFERENCE = "#8b8f99"
ROW = 24
"""Height of a row, CSS pixels."""
LABEL = 26
"""Characters of a row's name that are shown."""


def endpoint_panels(found: Findings) -> list[Panel]:
    """Draw the primary endpoint with its 95 % interval over the band of equivalence, a row a setting."""
    stated = found.study.endpoint
    rows = [(s, d) for s, d in found.endpoint.items() if d.mean is not None]
    if stated is None or not rows:
        return []
    ends = [v for _, d in rows for v in (d.mean, d.low, d.high)]

    def draw(axes: "Axes") -> None:
        axes.axvspan(-stated.margin, stated.margin, color=SHADE)
        axes.axvline(0, color=REFERENCE, linewidth=1.2)
        for row, (_, difference) in enumerate(rows):
            if difference.low is not None and difference.high is not None:
                axes.plot([difference.low, difference.high], [row, row], color=INK, linewidth=1.6)
            axes.plot(_drawn([difference.mean]), [row], "o", color=INK, markersize=6)
            beside(axes, row, f"{difference.mean:+.3f}")
        names = [stated.method if s == ONLY else found.levels.get(s, s) for s, _ in rows]
        name_rows(axes, names, common_limits([*ends, -stated.margin, stated.margin]))
        axes.locator_params(axis="x", nbins=4)
        axes.set_xlabel(f"difference in {title_of(found, stated.metric)} to {stated.against}")

    note = (
        "The bar is a 95 % t-interval over seeds. "
        f"The grey band is the margin of equivalence, ±{stated.margin:g}."
    )
    return [panel("Mean over the conditions", draw, 62 + ROW * len(rows), note)]


def difference_panels(found: Findings, metric: str) -> list[Panel]:
    """Draw the paired differences to the reference with 95 % intervals, a panel a condition."""
    chosen = [c for c in found.comparisons if c.metric == metric and c.pooled.mean is not None]
    limits = common_limits([v for c in chosen for v in _ends(c)] + [0.0])
    panels = []
    for condition in dict.fromkeys(c.condition for c in chosen):
        own = [c for c in chosen if c.condition == condition]
        panels.append(_difference_panel(found, metric, own, limits))
    return panels


def curve_panels(found: Findings, metric: str) -> list[Panel]:
    """Draw a metric over the varied factor, a line a method; nothing if more is varied or less."""
    if found.factor is None or len(found.settings) < 2:
        return []
    chosen = [s for s in found.summaries if s.metric == metric and s.pooled.mean is not None]
    limits = common_limits(
        [v for s in chosen for v in (s.pooled.mean, s.pooled.low, s.pooled.high)]
    )
    return [
        _curve_panel(found, metric, [s for s in chosen if s.condition == condition], limits)
        for condition in dict.fromkeys(s.condition for s in chosen)
    ]


def site_panels(found: Findings, metric: str) -> list[Panel]:
    """Draw a metric at every held-out site of every seed, a row an arm, a panel a condition."""
    rows = [r for r in found.rows if r.metric == metric and r.value is not None]
    if all(row.site == POOLED for row in rows):
        return []
    limits = common_limits([row.value for row in rows])
    return [
        _site_panel(found, metric, condition, limits)
        for condition in dict.fromkeys(row.condition for row in rows)
    ]


def calibration_panels(found: Findings, metric: str, error: str) -> list[Panel]:
    """Draw an error of the probabilities against a metric, a mark an arm, a panel a condition."""
    values = {(s.method, s.setting, s.condition, s.metric): s.pooled.mean for s in found.summaries}
    panels = []
    for condition in dict.fromkeys(s.condition for s in found.summaries):
        points = [
            (method, values.get((method, setting, condition, metric)), value)
            for (method, setting, given, name), value in values.items()
            if given == condition and name == error
        ]
        panels.append(_calibration_panel(found, condition, points, (metric, error)))
    return panels


def given(condition: str) -> str:
    """Say what the model is given; conditions other than the usual ones are their own words."""
    return {str(known): words for known, words in GIVEN.items()}.get(condition, condition)


def title_of(found: Findings, metric: str) -> str:
    """Return a metric's name as a reader meets it."""
    return metric_words(metric, len(found.config.task.classes)).title


def _difference_panel(
    found: Findings, metric: str, rows: Sequence[Comparison], limits: tuple[float, float]
) -> Panel:
    def draw(axes: "Axes") -> None:
        axes.axvline(0, color=REFERENCE, linewidth=1.2)
        for row, comparison in enumerate(rows):
            pooled = comparison.pooled
            certain = comparison.p_holm is not None and comparison.p_holm < 0.05
            if pooled.low is not None and pooled.high is not None:
                axes.plot([pooled.low, pooled.high], [row, row], color=INK, linewidth=1.6)
            axes.plot(
                _drawn([pooled.mean]),
                [row],
                "o",
                color=INK,
                markersize=6,
                markerfacecolor=INK if certain else "white",
            )
            beside(axes, row, f"{pooled.mean:+.3f}")
        name_rows(axes, [_name(found, c.method, c.setting) for c in rows], limits)
        axes.set_xlabel(f"difference in {title_of(found, metric)} to {found.reference}")

    note = (
        "Bars are 95 % t-intervals over seeds; filled marks have p < 0.05 after Holm's correction."
    )
    return panel(f"Given {given(rows[0].condition)}", draw, 62 + ROW * len(rows), note)


def _curve_panel(
    found: Findings, metric: str, chosen: Sequence[Summary], limits: tuple[float, float]
) -> Panel:
    labels = [found.levels[setting] for setting in found.settings]
    places = _places(labels)

    def draw(axes: "Axes") -> None:
        for number, method in enumerate(dict.fromkeys(s.method for s in chosen)):
            own = {s.setting: s.pooled for s in chosen if s.method == method}
            at = [i for i, setting in enumerate(found.settings) if setting in own]
            means = [own[found.settings[i]] for i in at]
            shift = 0.004 * (max(places) - min(places)) * (number - 2)
            x = [places[i] + shift for i in at]
            colour, marker = look(number)
            y = _drawn([m.mean for m in means])
            axes.plot(x, y, marker, color=colour, label=method)
            axes.plot(x, y, color=colour, linewidth=1.6)
            for place, mean in zip(x, means, strict=True):
                if mean.low is not None and mean.high is not None:
                    axes.plot([place, place], [mean.low, mean.high], color=colour, alpha=0.35)
        axes.set_xticks(places, labels, **_slant(labels))
        axes.set_xlabel(found.factor or "")
        axes.set_ylabel(title_of(found, metric))
        axes.set_ylim(*limits)
        axes.grid(axis="y")
        legend_below(axes)

    note = "Means over seeds with their 95 % t-intervals."
    return panel(f"Given {given(chosen[0].condition)}", draw, 330, note)


def _site_panel(found: Findings, metric: str, condition: str, limits: tuple[float, float]) -> Panel:
    rows = [
        r
        for r in found.rows
        if (r.metric, r.condition) == (metric, condition) and r.value is not None
    ]
    names = list(dict.fromkeys((r.setting, r.method) for r in rows))
    names.sort(key=lambda arm: found.settings.index(arm[0]))

    def draw(axes: "Axes") -> None:
        for place, (setting, method) in enumerate(names):
            own = [r for r in rows if (r.setting, r.method) == (setting, method)]
            sites = _drawn([r.value for r in own if r.site != POOLED])
            pooled = [r.value for r in own if r.site == POOLED and r.value is not None]
            axes.plot(sites, [place] * len(sites), "o", color="#0072b2", alpha=0.4, markersize=4.5)
            if pooled:
                axes.plot([np.mean(pooled)], [place], "|", color=INK, markersize=15, mew=2)
                beside(axes, place, f"{np.mean(pooled):.3f}")
        name_rows(axes, [_name(found, method, setting) for setting, method in names], limits)
        axes.set_xlabel(title_of(found, metric))

    note = "A dot a held-out site and seed; the line is the mean of all cases together."
    return panel(f"Given {given(condition)}", draw, 62 + ROW * len(names), note)


def _calibration_panel(
    found: Findings,
    condition: str,
    points: Sequence[tuple[str, float | None, float | None]],
    metrics: tuple[str, str],
) -> Panel:
    words = [metric_words(name, len(found.config.task.classes)) for name in metrics]
    x, y = (
        f"{word.title} ({'higher' if word.higher_is_better else 'lower'} is better)"
        for word in words
    )

    def draw(axes: "Axes") -> None:
        from matplotlib.ticker import MaxNLocator

        for number, method in enumerate(dict.fromkeys(name for name, _, _ in points)):
            colour, marker = look(number)
            own = [(x, y) for name, x, y in points if name == method]
            axes.plot(
                _drawn([x for x, _ in own]),
                _drawn([y for _, y in own]),
                marker,
                color=colour,
                label=method,
            )
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
        axes.grid()
        legend_below(axes)

    return panel(f"Given {given(condition)}", draw, 330)


def name_rows(axes: "Axes", names: Sequence[str], limits: tuple[float, float]) -> None:
    """Name the rows of a panel, and give it its scale."""
    axes.set_yticks(range(len(names)), [name[:LABEL] for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(*limits)
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)


def beside(axes: "Axes", row: float, words: str) -> None:
    """Write words at the end of a row."""
    axes.annotate(
        words,
        (1.0, row),
        xytext=(4, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        va="center",
        fontsize=11,
        color=MUTED,
    )


def _name(found: Findings, method: str, setting: str) -> str:
    if setting == ONLY:
        return method
    level = found.levels.get(setting, setting)
    several = len({summary.method for summary in found.summaries}) > 1
    return f"{level} · {method}" if several else level


def look(number: int) -> tuple[str, str]:
    """Return colour and marker of one of several lines."""
    return COLOURS[number % len(COLOURS)], MARKERS[(number // 2) % len(MARKERS)]


def _places(labels: Sequence[str]) -> list[float]:
    """Return where levels stand: at their value if all are numbers, else one after the other."""
    try:
        values = [float(label.rstrip(" %")) for label in labels]
    except ValueError:
        return [float(i) for i in range(len(labels))]
    spread = min((abs(a - b) for a, b in pairwise(values)), default=0.0)
    even = spread > 0.08 * (max(values) - min(values))
    return values if even else [float(i) for i in range(len(labels))]


def _slant(labels: Sequence[str]) -> dict[str, Any]:
    if sum(map(len, labels)) <= 36:
        return {}
    return {"rotation": 30, "ha": "right", "rotation_mode": "anchor"}


def _ends(comparison: Comparison) -> list[float | None]:
    return [comparison.pooled.mean, comparison.pooled.low, comparison.pooled.high]


def _drawn(values: Sequence[float | None]) -> list[float]:
    """Return values to draw; what is undefined leaves a gap."""
    return [np.nan if value is None else value for value in values]


def common_limits(values: Sequence[float | None]) -> tuple[float, float]:
    """Return a scale on which all values have room."""
    ends = [value for value in values if value is not None]
    if not ends:
        return 0.0, 1.0
    margin = 0.05 * max(max(ends) - min(ends), 0.02)
    return min(ends) - margin, max(ends) + margin
