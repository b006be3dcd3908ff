"""Who needs the other camera, in drawings and in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fed.report.style import CONDITION_COLOUR, MUTED, Panel, legend_below, panel
from fed.report.words import interval, metric_words, number
from fed.results import Estimate, Results, TriageClinic, TriageScore
from fed.results.judgement import FirstImage, Mix, Ranking

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CLINIC: dict[FirstImage, str] = {"fundus": "fundus clinics", "oct": "OCT clinics"}
OTHER: dict[FirstImage, str] = {"fundus": "OCT", "oct": "fundus"}
MIX: dict[Mix, str] = {"drawn": "mix as drawn", "given": "mix as given"}
ORDER: dict[Ranking, str] = {
    "entropy": "least certain",
    "margin": "by margin",
    "seen": "once seen",
    "chance": "random",
}
"""The order in which eyes are sent; ``seen`` is named after the image."""
LOOK: dict[Ranking, Any] = {"margin": "-", "seen": (0, (1, 1.5)), "chance": (0, (5, 3))}


@dataclass(frozen=True)
class TriageRow:
    """One metric of one kind of clinic at one mix, and where it stands in ``results.json``."""

    first: FirstImage
    mix: Mix
    metric: str
    clinic: TriageClinic
    score: TriageScore

    @property
    def path(self) -> str:
        """Its place in ``results.json``."""
        return f"triage/clinics/{self.first}/{self.mix}/metrics/{self.metric}"

    @property
    def shown(self) -> bool:
        """Whether a gain is shown, of which there can be a share."""
        return self.score.curves["entropy"].enough.value is not None


def triage_rows(results: Results) -> list[TriageRow]:
    """Return every metric of every clinic, at every mix."""
    if results.triage is None:
        return []
    return [
        TriageRow(first, mix, metric, clinic, score)
        for first, mixes in results.triage.clinics.items()
        for mix, clinic in mixes.items()
        for metric, score in clinic.metrics.items()
    ]


def triage_panels(results: Results, metric: str) -> list[Panel]:
    """Draw the share of the gain against the share of eyes sent, where a gain is shown."""
    rows = (row for row in triage_rows(results) if row.metric == metric)
    return [_panel(results, row) for row in rows if row.shown]


def order_words(order: Ranking, first: FirstImage) -> str:
    """Say in which order eyes are sent."""
    return f"{OTHER[first]} seen" if order == "seen" else ORDER[order]


def no_gain(results: Results) -> str:
    """Say where no gain is shown, and so no share of one."""
    said = [
        f"{CLINIC[row.first]}, {MIX[row.mix]}, {_title(results, row.metric)} "
        f"({signed(row.score.gain)})"
        for row in triage_rows(results)
        if not row.shown
    ]
    return f"No gain is shown, so no share of one is given: {'; '.join(said)}." if said else ""


def given_mix(results: Results) -> str:
    """Return the mix that was given, ``68 % healthy, 32 % late``."""
    row = next(row for row in triage_rows(results) if row.mix == "given")
    shares = zip(row.clinic.mix, results.classes, strict=True)
    return ", ".join(f"{percent(share)} {name}" for share, name in shares)


def signed(estimate: Estimate) -> str:
    """Return a difference with its sign, and its interval: ``+0.012, -0.004 to +0.028``."""
    if estimate.value is None:
        return number(None)
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:+.3f}"
    return f"{estimate.value:+.3f}, {estimate.low:+.3f} to {estimate.high:+.3f}"


def percent(value: float | None) -> str:
    """Return ``30 %``, or the mark of an undefined value."""
    return number(None) if value is None else f"{100 * value:.0f} %"


def percents(estimate: Estimate) -> str:
    """Return ``20–45 %``, or nothing where there is no interval."""
    if not interval(estimate) or estimate.low is None or estimate.high is None:
        return ""
    return f"{100 * estimate.low:.0f}–{100 * estimate.high:.0f} %"


def _title(results: Results, metric: str) -> str:
    return metric_words(metric, len(results.classes)).in_text


def _panel(results: Results, row: TriageRow) -> Panel:
    assert results.triage is not None
    shares = [100 * share for share in results.triage.shares]

    def draw(axes: "Axes") -> None:
        colour = CONDITION_COLOUR[row.first]
        for order, curve in row.score.curves.items():
            middle, low, high = (
                list(each) for each in zip(*_drawn(curve.share_of_gain), strict=True)
            )
            label = order_words(order, row.first)
            if order == "entropy":
                axes.fill_between(shares, low, high, color=colour, alpha=0.16, linewidth=0)
                axes.plot(shares, middle, color=colour, linewidth=2.2, label=label)
            else:
                look = {"linestyle": LOOK[order], "linewidth": 1.0 if order == "margin" else 1.4}
                axes.plot(shares, middle, color=MUTED, label=label, **look)
        axes.axhline(100, color=MUTED, linewidth=0.6)
        axes.set_xlim(0, 100)
        axes.set_ylim(-5, 140)
        axes.set_xlabel(f"% of eyes sent for {OTHER[row.first]}")
        axes.set_ylabel("% of the gain")
        axes.grid()
        legend_below(axes)

    title = f"{CLINIC[row.first][:1].upper()}{CLINIC[row.first][1:]}, {MIX[row.mix]}"
    gain = f"The whole gain in {_title(results, row.metric)}: {signed(row.score.gain)}."
    return panel(title, draw, 240, gain)


def _drawn(estimates: tuple[Estimate, ...]) -> Iterator[tuple[float, float, float]]:
    """Yield value, low and high in percent; without an interval the value stands for both."""
    for estimate in estimates:
        value = float("nan") if estimate.value is None else estimate.value
        low = value if estimate.low is None else estimate.low
        high = value if estimate.high is None else estimate.high
        yield 100 * value, 100 * low, 100 * high
