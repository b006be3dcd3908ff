"""Two classes: how well they are told apart at every threshold, and figures at a chosen one."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fed.report.style import CONDITION_COLOUR, MUTED, Panel, legend_below, panel
from fed.report.words import GIVEN
from fed.results import Run
from fed.sites import Condition

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DASHES: dict[Condition, Any] = {"both": "-", "fundus": (0, (5, 2)), "oct": (0, (2, 1.2))}
"""Tell conditions apart without colour."""


def threshold_panels(run: Run) -> list[Panel]:
    """Draw the ROC and the precision-recall curves, a line a condition; nothing of more classes.

    The chosen operating point is marked.
    """
    if len(run.results.classes) != 2:
        return []
    scored = {c: run.scored(c) for c in run.results.conditions}
    defined = [c for c, (labels, _) in scored.items() if len(np.unique(labels)) == 2]
    if not defined:
        return []
    return [_roc(run, defined), _precision_recall(run, defined)]


def _roc(run: Run, conditions: list[Condition]) -> Panel:
    from sklearn.metrics import roc_curve

    def draw(axes: "Axes") -> None:
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        for condition in conditions:
            labels, p = run.scored(condition)
            false, true, _ = roc_curve(labels, p[:, 1], drop_intermediate=True)
            _line(axes, condition, false, true)
            point = (run.results.operating_point or {}).get(condition)
            if point is not None and point.specificity.value is not None:
                _mark(axes, condition, 1 - point.specificity.value, point.sensitivity.value)
        _square(
            axes, "false positives, share of eyes without", "true positives, share of eyes with"
        )

    note = "The diagonal is luck; the ring is the operating point."
    return panel(f"ROC: {run.results.classes[1]}", draw, 330, note)


def _precision_recall(run: Run, conditions: list[Condition]) -> Panel:
    from sklearn.metrics import precision_recall_curve

    def draw(axes: "Axes") -> None:
        for condition in conditions:
            labels, p = run.scored(condition)
            precision, recall, _ = precision_recall_curve(labels, p[:, 1], drop_intermediate=True)
            _line(axes, condition, recall, precision)
            axes.axhline(
                labels.mean(),
                color=CONDITION_COLOUR[condition],
                linewidth=0.8,
                linestyle=(0, (1, 3)),
            )
            point = (run.results.operating_point or {}).get(condition)
            if point is not None:
                found = point.positive_predictive_value.value
                _mark(axes, condition, point.sensitivity.value, found)
        _square(
            axes, "recall, share of eyes with it found", "precision, share right of those found"
        )

    note = "Dotted: the share of such eyes, which is luck; the ring is the operating point."
    return panel(f"Precision and recall: {run.results.classes[1]}", draw, 330, note)


def _line(
    axes: "Axes", condition: Condition, x: NDArray[np.float64], y: NDArray[np.float64]
) -> None:
    axes.plot(
        x, y, color=CONDITION_COLOUR[condition], linestyle=DASHES[condition], label=GIVEN[condition]
    )


def _mark(axes: "Axes", condition: Condition, x: float | None, y: float | None) -> None:
    if x is not None and y is not None:
        axes.plot(
            [x],
            [y],
            "o",
            markersize=9,
            markerfacecolor="none",
            markeredgecolor=CONDITION_COLOUR[condition],
            markeredgewidth=2,
        )


def _square(axes: "Axes", x: str, y: str) -> None:
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid()
    legend_below(axes)
