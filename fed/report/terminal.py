"""The scores of a run as a table in the terminal."""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from fed.report.words import GIVEN, UNDEFINED, counted, metric_words
from fed.results import Estimate, Results
from fed.sites import Condition

INTERVAL_WIDTH = len("0.912–0.956")
"""With 80 columns the interval goes under the value, whole."""


def terminal_table(results: Results | Mapping[str, Any]) -> RenderableType:
    """Return the held-out scores as something rich can print.

    Parameters
    ----------
    results : Results or mapping
        Or the content of ``results.json``.
    """
    run = Results.model_validate(results)
    return Group(_pooled(run), _sites(run))


def _pooled(run: Results) -> Table:
    table = _table(f"All held-out sites · {run.name} · {run.method} · seed {run.seed}", "given")
    for name in run.shown:
        title = metric_words(name, len(run.classes)).title
        table.add_column(title, justify="right", min_width=INTERVAL_WIDTH)
    for condition in run.conditions:
        cells = (_cell(run.pooled(condition, name)) for name in run.shown)
        table.add_row(_rests_on(run, condition), *cells)
    return table


def _rests_on(run: Results, condition: Condition) -> str:
    count = run.held_out.counts.pooled.get(condition)
    rests = "" if count is None else f"\n[dim]{counted(count.cases, 'case')}[/dim]"
    return f"{GIVEN[condition]}{rests}"


def _sites(run: Results) -> Table:
    title = metric_words(run.headline, len(run.classes)).title
    table = _table(f"{title} by held-out site", "site")
    for condition in run.conditions:
        table.add_column(GIVEN[condition], justify="right", min_width=INTERVAL_WIDTH)
    for site in run.held_out.sites:
        cells = (_cell(run.at(site, condition, run.headline)) for condition in run.conditions)
        table.add_row(escape(site), *cells)
    return table


def _table(title: str, first: str) -> Table:
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        caption_justify="left",
    )
    table.add_column(first, no_wrap=True)
    return table


def _cell(estimate: Estimate) -> str:
    if estimate.value is None:
        return f"[dim]{UNDEFINED}[/dim]"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} [dim]{estimate.low:.3f}–{estimate.high:.3f}[/dim]"
