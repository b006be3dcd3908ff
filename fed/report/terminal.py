"""The scores of a run as a table in the terminal."""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from fed.report.run import Estimate, Results, parse_results
from fed.report.words import GIVEN, METRIC_WORDS, UNDEFINED

MAIN_METRICS = ("auc", "balanced_accuracy", "qwk", "ece")
INTERVAL_WIDTH = len("0.912–0.956")
"""With 80 columns the interval goes under the value, whole."""


def terminal_table(results: Mapping[str, Any]) -> RenderableType:
    """Return the held-out scores as something rich can print.

    Parameters
    ----------
    results : mapping
        The content of ``results.json``.
    """
    run = parse_results(results)
    return Group(_pooled(run), _sites(run))


def _pooled(run: Results) -> Table:
    table = _table(f"All held-out sites · {run.name} · {run.method} · seed {run.seed}", "given")
    for name in MAIN_METRICS:
        table.add_column(METRIC_WORDS[name].title, justify="right", min_width=INTERVAL_WIDTH)
    for condition in run.conditions:
        estimates = (run.pooled[condition].get(name, Estimate()) for name in MAIN_METRICS)
        table.add_row(GIVEN[condition], *(_cell(estimate) for estimate in estimates))
    return table


def _sites(run: Results) -> Table:
    table = _table("AUC by held-out site", "site")
    for condition in run.conditions:
        table.add_column(GIVEN[condition], justify="right", min_width=INTERVAL_WIDTH)
    for site, scored in run.by_site.items():
        estimates = (scored.get(c, {}).get("auc", Estimate()) for c in run.conditions)
        table.add_row(escape(site), *(_cell(estimate) for estimate in estimates))
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
