"""Prediction sets, in drawings and in words."""

from typing import TYPE_CHECKING

from fed.report.rows import DrawnRow, draw_rows
from fed.report.style import INK, Panel, panel
from fed.report.words import GIVEN, counted, number
from fed.results import Results, Sets, SetScore
from fed.sites import Condition

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ALL = "all sites"


def rows_of(sets: Sets, condition: Condition) -> list[tuple[str, SetScore, str]]:
    """Return name, score and place in ``results.json`` of all hospitals together, then of each."""
    found = [(ALL, sets.pooled[condition], f"sets/pooled/{condition}")]
    if len(sets.sites) > 1:
        found += [
            (site, scores[condition], f"sets/sites/{site}/{condition}")
            for site, scores in sets.sites.items()
            if condition in scores
        ]
    return found


def set_panels(results: Results) -> list[Panel]:
    """Draw the coverage at each hospital with its interval beside what was asked for."""
    sets = results.sets
    if sets is None:
        return []
    scores = [score for c in sets.pooled for _, score, _ in rows_of(sets, c)]
    lowest = min([sets.target, *(score.coverage.low or 0.0 for score in scores)])
    return [_panel(sets, condition, lowest - 0.02) for condition in sets.pooled]


def promise(results: Results) -> str:
    """Say what was calibrated on what, and what that promises."""
    sets = results.sets
    assert sets is not None
    asked = f"{100 * sets.target:g} %"
    if sets.calibrate == "federated":
        return (
            f"Calibrated on at most {counted(sets.cases, 'graded eye')} of the validation split of "
            f"each training site, for {asked} of the sets to hold the true grade. That is promised for "
            "eyes drawn as theirs were, of all of them together. It is not promised at a hospital with "
            "other devices, other patients or another mix of grades, nor at any one hospital: where "
            "the model is surer than it is right, fewer sets hold the true grade, and nothing here "
            "would tell the hospital. Only graded eyes of its own can: <code>calibrate: local</code>."
        )
    assert sets.by_luck is not None
    return (
        f"Calibrated on at most {counted(sets.cases, 'graded eye')} of each held-out hospital itself, "
        f"none of which is scored here, for {asked} of the sets to hold the true grade. That is "
        "promised for the hospital's further eyes, on average over which eyes happened to be graded: "
        f"with {sets.cases} of them one hospital's coverage lies between "
        f"{100 * (sets.by_luck.low or 0):.0f} and {100 * (sets.by_luck.high or 0):.0f} % by luck of "
        "the draw alone."
    )


def _panel(sets: Sets, condition: Condition, lowest: float) -> Panel:
    rows = rows_of(sets, condition)

    def draw(axes: "Axes") -> None:
        axes.axvline(sets.target, color=INK, linewidth=1.1)
        drawn = [
            DrawnRow(name, score.coverage, number(score.coverage.value)) for name, score, _ in rows
        ]
        draw_rows(axes, drawn, condition, "share of sets that hold the true grade", leads=True)
        axes.set_xlim(lowest, 1.005)

    return panel(f"Given {GIVEN[condition]}", draw, 70 + 24 * len(rows))
