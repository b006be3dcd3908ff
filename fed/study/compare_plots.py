"""The drawings of a comparison: differences with their intervals, and curves over the rounds."""

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from fed.report.style import INK, Panel, legend_below, panel
from fed.report.words import metric_words
from fed.results import Run
from fed.study.arms import Arm
from fed.study.compare import Line, RunComparison
from fed.study.plots import REFERENCE, ROW, beside, common_limits, given, look, name_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def difference_panels(found: RunComparison, metric: str) -> list[Panel]:
    """Draw the differences to the reference with 95 % intervals, a panel a condition, one scale."""
    chosen = [
        line for line in found.lines if line.metric == metric and line.difference.value is not None
    ]
    ends = [v for line in chosen for v in (line.difference.low, line.difference.high)]
    limits = common_limits([*ends, *(line.difference.value for line in chosen), 0.0])
    return [
        _difference_panel([line for line in chosen if line.condition == condition], limits, found)
        for condition in dict.fromkeys(line.condition for line in chosen)
    ]


def curve_panels(found: RunComparison, metric: str) -> list[Panel]:
    """Draw a metric at held-out sites over the rounds, a line an arm, a panel a condition."""
    title = _title(found, metric)
    panels = []
    for condition in found.reference.runs[0].results.conditions:
        curves = {arm.name: arm_curve(arm, condition, metric) for arm in found.arms}
        if any(len(curve) > 1 for curve in curves.values()):
            panels.append(_curve_panel(condition, title, curves))
    return panels


def arm_curve(arm: Arm, condition: str, metric: str) -> dict[int, float]:
    """Return a held-out metric by round, the mean over the seeds that have scored the round."""
    by_round: dict[int, list[float]] = {}
    for run in arm.runs:
        for number, value in _curve(run, condition, metric):
            by_round.setdefault(number, []).append(value)
    return {number: fmean(values) for number, values in sorted(by_round.items())}


def _curve(run: Run, condition: str, metric: str) -> list[tuple[int, float]]:
    scored = (
        (line.round, (line.held_out or {}).get(condition, {}).get(metric)) for line in run.rounds
    )
    return [(number, e.value) for number, e in scored if e is not None and e.value is not None]


def _title(found: RunComparison, metric: str) -> str:
    return metric_words(metric, len(found.reference.runs[0].results.classes)).title


def _difference_panel(
    lines: Sequence[Line], limits: tuple[float, float], found: RunComparison
) -> Panel:
    def draw(axes: "Axes") -> None:
        axes.axvline(0, color=REFERENCE, linewidth=1.2)
        for row, line in enumerate(lines):
            low, high, value = line.difference.low, line.difference.high, line.difference.value
            assert value is not None
            if low is not None and high is not None:
                axes.plot([low, high], [row, row], color=INK, linewidth=1.6)
            axes.plot([value], [row], "o", color=INK, markersize=6)
            beside(axes, row, f"{value:+.3f}")
        name_rows(axes, [line.arm for line in lines], limits)
        axes.set_xlabel(f"difference in {_title(found, lines[0].metric)} to {found.reference.name}")

    return panel(f"Given {given(lines[0].condition)}", draw, 62 + ROW * len(lines))


def _curve_panel(condition: str, title: str, curves: dict[str, dict[int, float]]) -> Panel:
    def draw(axes: "Axes") -> None:
        from matplotlib.ticker import MaxNLocator

        for number, (name, curve) in enumerate(curves.items()):
            colour, marker = look(number)
            axes.plot(
                list(curve), list(curve.values()), color=colour, marker=marker, markersize=5,
                label=name,
            )  # fmt: skip
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        axes.set_xlabel("round")
        axes.set_ylabel(title)
        axes.grid(axis="y")
        legend_below(axes)

    return panel(f"Given {given(condition)}", draw, 250 + 14 * len(curves))
