"""The look of every report: palette, axes, and pictures that live inside the page.

Only this module imports matplotlib, and only when something is drawn. Text stays text in the
drawings, so that it takes the page's font, can be selected, and prints sharply.
"""

import base64
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from fed.sites import Condition, Modality

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK = "#22252e"
MUTED = "#636873"
RULE = "#d8d8dc"
GRID = "#ececef"
PAPER = "#ffffff"
SHADE = "#e4e5ea"

CONDITION_COLOUR: dict[Condition, str] = {
    "both": "#2f2b52",
    "fundus": "#d1590a",
    "oct": "#0072b2",
}
"""OwnModels in hue and lightness for every common form of colour blindness."""
CONDITION_VARIABLE = {condition: f"var(--{condition})" for condition in CONDITION_COLOUR}
"""The same in the page, where they are lighter on a dark screen."""
CONDITION_MARKER: dict[Condition, str] = {"both": "D", "fundus": "o", "oct": "s"}
DOWN_COLOUR, UP_COLOUR = "#51617a", "#a3b0c0"
DASHES: tuple[Any, ...] = ("-", (0, (4, 2)), (0, (1, 1.5)))
"""Tell groups apart that own the same modalities."""
SEVERITY = ("#e3e6ee", "#b4bfda", "#9089bf", "#7d4799", "#480f5c")
"""Grades from mild to severe: lightness falls steadily, so the order survives in grey."""

VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    RULE: "--rule",
    GRID: "--grid",
    PAPER: "--paper",
    SHADE: "--shade",
    DOWN_COLOUR: "--down",
    UP_COLOUR: "--up",
    **{colour: f"--{condition}" for condition, colour in CONDITION_COLOUR.items()},
}
"""Colours of drawings that follow the page: ``style.css`` has them for light and for dark."""

WIDTH = 345
"""Width of a panel in CSS pixels; a panel is as wide as a phone, and wide pages hold several."""


@dataclass(frozen=True)
class Panel:
    """A drawing with the words under which it stands."""

    title: str
    svg: Markup
    note: str = ""


def owner_condition(modalities: Sequence[Modality]) -> Condition:
    """Return the condition whose colour stands for a site that owns `modalities`."""
    return "both" if len(modalities) != 1 else modalities[0]


def severity_colours(classes: int) -> list[str]:
    """Return a colour for each of `classes` grades, mildest lightest."""
    anchors = np.array([[int(hue[i : i + 2], 16) for i in (1, 3, 5)] for hue in SEVERITY])
    at = np.linspace(0, len(anchors) - 1, classes)
    channels = np.stack([np.interp(at, range(len(anchors)), anchors[:, c]) for c in range(3)])
    return ["#" + bytes(rgb).hex() for rgb in channels.round().astype(np.uint8).T]


def panel(
    title: str, draw: Callable[["Axes"], None], height: float, note: str = "", width: float = WIDTH
) -> Panel:
    """Draw one panel.

    Parameters
    ----------
    title, note : str
        Words above and below the drawing.
    draw : callable
        Draws into the axes it is given, which have the house style.
    height, width : float
        CSS pixels.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(width / 72, height / 72), layout="constrained")
        axes = figure.add_subplot()
        axes.set_axisbelow(True)
        draw(axes)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return Panel(title, _inline(buffer.getvalue(), title), note)


def legend_below(axes: "Axes") -> None:
    """Name the lines or bars under the axes, where nothing can be hidden."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        axes.figure.legend(handles, labels, loc="outside lower center", ncols=min(3, len(labels)))


def inline_image(pixels: NDArray[np.uint8], longest: int = 256) -> str:
    """Return a PNG data URI.

    Parameters
    ----------
    pixels : array (H, W) or (H, W, 3)
    longest : int
        Larger pictures are reduced to this many pixels on their longer side.
    """
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.thumbnail((longest, longest))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _inline(document: str, title: str) -> Markup:
    """Keep the drawing, drop what only a file of its own needs and what would fix its size."""
    svg = document[document.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)  # else ids repeat from drawing to drawing
    for colour, variable in VARIABLES.items():
        svg = svg.replace(f": {colour}", f": var({variable})")
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    label = Markup.escape(title)
    return Markup(svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1))


_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "fedrima",  # the same drawing gives the same bytes
    "font.family": ["DejaVu Sans"],
    "font.size": 12,
    "text.color": INK,
    "axes.edgecolor": RULE,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 12,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": 11.5,
    "ytick.labelsize": 11.5,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 11.5,
    "legend.handlelength": 1.6,
    "legend.columnspacing": 1.2,
    "legend.handletextpad": 0.5,
    "lines.linewidth": 1.8,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}
