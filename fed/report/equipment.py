"""What a camera would be worth, in drawings and in words."""

from typing import TYPE_CHECKING

from fed.report.rows import DrawnRow, draw_rows
from fed.report.style import MUTED, Panel, panel
from fed.report.words import UNDEFINED
from fed.results import Estimate, Results, SiteValue
from fed.sites import MODALITIES, Modality

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CAMERA: dict[Modality, str] = {"fundus": "fundus camera", "oct": "OCT scanner"}
MOST_SITES = 48
"""Sites of a table; ``results.json`` has all."""


def equipment_panels(results: Results) -> list[Panel]:
    """Draw the correct grades a year that sites would gain by the camera they lack."""
    if results.equipment is None:
        return []
    panels = []
    for lacked in MODALITIES:
        sites = {
            name: value
            for name, value in results.equipment.sites.items()
            if value.lacks == lacked and value.correct.value is not None
        }
        if sites:
            panels.append(_panel(lacked, dict(list(sites.items())[:MOST_SITES])))
    return panels


def amount(value: float | None) -> str:
    """Return one decimal, or the mark of an undefined value."""
    return UNDEFINED if value is None else f"{round(value, 1) + 0.0:.1f}"  # no -0.0


def amounts(estimate: Estimate) -> str:
    """Return ``3.1 to 9.4``, or nothing where there is no interval."""
    if estimate.low is None or estimate.high is None:
        return ""
    return f"{amount(estimate.low)} to {amount(estimate.high)}"


def _panel(lacked: Modality, sites: dict[str, SiteValue]) -> Panel:
    def draw(axes: "Axes") -> None:
        axes.axvline(0, color=MUTED, linewidth=1.1)
        drawn = [DrawnRow(name, v.correct, f"{v.cases:.0f}") for name, v in sites.items()]
        draw_rows(axes, drawn, lacked, "correct grades gained a year")

    title = f"Sites without {'an' if lacked == 'oct' else 'a'} {CAMERA[lacked]}"
    return panel(title, draw, 66 + 22 * len(sites), "At the right: cases a year.")
