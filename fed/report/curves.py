"""Learning curves: losses by group of sites, and the scores along the way."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fed.report.style import (
    CONDITION_COLOUR,
    CONDITION_MARKER,
    DASHES,
    MUTED,
    RULE,
    Panel,
    legend_below,
    owner_condition,
    panel,
)
from fed.report.words import GIVEN, metric_words
from fed.results import Results, RoundRecord
from fed.sites import CONDITIONS, Condition

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DRAWN = 2
"""How many of the metrics shown are drawn over the rounds."""


def loss_panels(results: Results, rounds: Sequence[RoundRecord]) -> list[Panel]:
    """Draw each training loss, a line a group of sites."""
    names = dict.fromkeys(
        name for line in rounds for losses in line.losses.values() for name in losses
    )
    return [_loss_panel(name, results, rounds) for name in names]


def score_panels(results: Results, rounds: Sequence[RoundRecord]) -> list[Panel]:
    """Draw held-out and validation scores over the rounds in which they were taken."""
    classes = len(results.classes)
    panels = (
        _score_panel(name, metric_words(name, classes).title, rounds)
        for name in results.shown[:DRAWN]
    )
    return [drawn for drawn in panels if drawn is not None]


def phase_starts(rounds: Sequence[RoundRecord]) -> dict[int, str]:
    """Return the phases by the round each starts in."""
    starts: dict[int, str] = {}
    previous = None
    for line in rounds:
        if line.phase != previous:
            starts[line.round] = line.phase
        previous = line.phase
    return starts


def group_losses(
    name: str, results: Results, rounds: Sequence[RoundRecord]
) -> Mapping[str, tuple[list[int], list[float]]]:
    """Return rounds and mean loss over the sites that reported it, by group."""
    group_of = {site.name: site.group for site in results.with_role("train")}
    curves: dict[str, tuple[list[int], list[float]]] = {}
    for group in dict.fromkeys(group_of.values()):
        for line in rounds:
            values = [
                losses[name]
                for site, losses in line.losses.items()
                if group_of.get(site) == group and losses.get(name) is not None
            ]
            if values:
                numbers, means = curves.setdefault(group, ([], []))
                numbers.append(line.round)
                means.append(float(np.mean(values)))
    return curves


def _loss_panel(name: str, results: Results, rounds: Sequence[RoundRecord]) -> Panel:
    owner: dict[str, Condition] = {
        site.group: owner_condition(site.modalities) for site in results.with_role("train")
    }
    dash = {
        group: DASHES[[g for g in owner if owner[g] == owner[group]].index(group) % len(DASHES)]
        for group in owner
    }

    def draw(axes: "Axes") -> None:
        for group, (numbers, means) in group_losses(name, results, rounds).items():
            axes.plot(
                numbers,
                means,
                color=CONDITION_COLOUR[owner[group]],
                linestyle=dash[group],
                marker=CONDITION_MARKER[owner[group]],
                markersize=3.5,
                label=group,
            )
        axes.set_ylabel("loss")
        _over_rounds(axes, rounds)

    return panel(f"Training loss: {name.replace('_', ' ')}", draw, 250)


def _score_panel(metric: str, title: str, rounds: Sequence[RoundRecord]) -> Panel | None:
    curves = [
        (condition, kind, numbers, values)
        for condition in CONDITIONS
        for kind in ("held_out", "validation")
        for numbers, values in [_scores(metric, condition, kind, rounds)]
        if numbers
    ]
    if not curves:
        return None

    def draw(axes: "Axes") -> None:
        for condition, kind, numbers, values in curves:
            held_out = kind == "held_out"
            axes.plot(
                numbers,
                values,
                color=CONDITION_COLOUR[condition],
                linestyle="-" if held_out else (0, (3, 2)),
                linewidth=1.8 if held_out else 1.2,
                marker=CONDITION_MARKER[condition],
                markersize=5 if held_out else 4,
                markerfacecolor=CONDITION_COLOUR[condition] if held_out else "white",
                label=GIVEN[condition] if held_out else None,
            )
        axes.set_ylabel(title)
        _over_rounds(axes, rounds)

    validated = any(kind == "validation" for _, kind, _, _ in curves)
    note = "Filled marks, solid line: held-out sites."
    if validated:
        note += " Hollow marks, dashed line: validation cases of the training sites."
    return panel(f"{title} over the rounds", draw, 250, note)


def _scores(
    metric: str, condition: Condition, kind: str, rounds: Sequence[RoundRecord]
) -> tuple[list[int], list[float]]:
    numbers, values = [], []
    for line in rounds:
        scored = (line.held_out if kind == "held_out" else line.validation) or {}
        estimate = scored.get(condition, {}).get(metric)
        if estimate is not None and estimate.value is not None:
            numbers.append(line.round)
            values.append(estimate.value)
    return numbers, values


def _over_rounds(axes: "Axes", rounds: Sequence[RoundRecord]) -> None:
    """Give all panels the same rounds, and mark where a phase begins."""
    from matplotlib.ticker import MaxNLocator

    first, last = rounds[0].round, rounds[-1].round
    axes.set_xlim(first - 0.5, last + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes.set_xlabel("round")
    axes.grid(axis="y")
    starts = phase_starts(rounds)
    if len(starts) > 1:
        for start, phase in starts.items():
            if start > first:
                axes.axvline(start - 0.5, color=RULE, linewidth=1.0)
            axes.annotate(
                phase,
                (start - 0.5, 1.0),
                xytext=(4, 3),
                textcoords="offset points",
                xycoords=("data", "axes fraction"),
                color=MUTED,
                fontsize=11,
            )
    legend_below(axes)
