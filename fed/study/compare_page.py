"""A comparison as a person reads it: `compare.html`, `compare.csv`, a table in the terminal."""

from pathlib import Path

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from fed.report.page import write_page
from fed.report.words import UNDEFINED, counted, listed, metric_words, number
from fed.results import Estimate
from fed.storage import write_text
from fed.study.compare import Line, RunComparison
from fed.study.compare_plots import curve_panels, difference_panels
from fed.study.plots import given

PAGE, TABLE = "compare.html", "compare.csv"


def write_comparison(found: RunComparison, folder: Path) -> Path:
    """Write page and table of a comparison into a folder; return the page."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / TABLE, found.csv)
    results = found.reference.runs[0].results
    names = dict.fromkeys((*results.shown, *(line.metric for line in found.lines)))
    return write_page(
        "compare.html",
        folder / PAGE,
        {
            "found": found,
            "metric": results.headline,
            "shown": results.shown,
            "names": {name: metric_words(name, len(results.classes)) for name in names},
            "conditions": list(dict.fromkeys(line.condition for line in found.lines)),
            "given": given,
            "lede": _lede(found),
            "rests": rests_on,
            "tested": any(line.p is not None for line in found.lines),
            "differences": difference_panels(found, results.headline),
            "curves": curve_panels(found, results.headline),
        },
    )


def comparison_table(found: RunComparison) -> RenderableType:
    """Return the differences in the metrics that are shown as something rich can print."""
    results = found.reference.runs[0].results
    table = Table(
        title=f"Differences to {escape(found.reference.name)}",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("run")
    table.add_column("given")
    for name in results.shown:
        table.add_column(metric_words(name, len(results.classes)).title, justify="right")
    table.add_column("rests on")
    keys = dict.fromkeys((line.arm, line.condition) for line in found.lines)
    by_key = {(line.arm, line.condition, line.metric): line for line in found.lines}
    for arm, condition in keys:
        own = [by_key.get((arm, condition, name)) for name in results.shown]
        first = next(line for line in own if line is not None)
        cells = [UNDEFINED if line is None else _two_lines(line.difference) for line in own]
        table.add_row(escape(arm), given(condition), *cells, rests_on(first))
    return Group(table, *(Text(f"note: {words}") for words in found.cautions))


def rests_on(line: Line) -> str:
    """Say what a difference rests on."""
    if line.basis == "seeds":
        return f"{counted(line.seeds, 'seed')}, {counted(line.cases, 'case')}"
    patients = "" if line.patients == line.cases else f" of {counted(line.patients, 'patient')}"
    return f"{counted(line.cases, 'case')}{patients} at {counted(line.sites, 'site')}"


def signed(difference: Estimate) -> str:
    """Return ``+0.012 [-0.004 to +0.028]``."""
    if difference.value is None:
        return UNDEFINED
    if difference.low is None or difference.high is None:
        return f"{difference.value:+.3f}"
    return f"{difference.value:+.3f} [{difference.low:+.3f} to {difference.high:+.3f}]"


def _two_lines(difference: Estimate) -> str:
    value, _, interval = signed(difference).partition(" ")
    return f"{value}\n[dim]{interval.strip('[]')}[/dim]" if interval else value


def _lede(found: RunComparison) -> str:
    """Say who is compared with whom, and how the headline came out."""
    results = found.reference.runs[0].results
    runs = sum(len(arm.runs) for arm in found.arms)
    others = listed([arm.name for arm in found.arms[1:]])
    opening = f"{counted(runs, 'finished run')}: {others} against {found.reference.name}."
    named = metric_words(results.headline, len(results.classes)).in_text
    first = next((line for line in found.lines if line.metric == results.headline), None)
    if first is None:
        return f"{opening} They have graded no case in common."
    return (
        f"{opening} Given {given(first.condition)}, {named} of {first.arm} is {number(first.value)} "
        f"and that of {first.against} {number(first.reference)} on what they share "
        f"({rests_on(first)}): a difference of {signed(first.difference)}."
    )
