"""Groups of patients, in drawings and in words."""

from fed.report.grading import forest
from fed.report.style import Panel
from fed.report.words import GIVEN, metric_words
from fed.results import Estimate, GroupTable, Results
from fed.sites import Condition

NAME = 24
"""Characters of a group's name that are drawn."""


def subgroup_panels(results: Results, column: str) -> list[Panel]:
    """Draw the headline by group, a panel a condition, all on one scale."""
    assert results.subgroups is not None
    title = metric_words(results.headline, len(results.classes)).title
    tables = results.subgroups[column]
    rows = {condition: _rows(results, condition, table) for condition, table in tables.items()}
    ends = [v for found in rows.values() for _, e in found for v in (e.value, e.low, e.high)]
    known = [end for end in ends if end is not None]
    if not known:
        return []
    margin = 0.04 * max(max(known) - min(known), 0.1)
    limits = min(known) - margin, max(known) + margin
    return [
        forest(f"{title} by {column}, given {GIVEN[condition]}", title, found, condition, limits)
        for condition, found in rows.items()
    ]


def marked(name: str, table: GroupTable) -> str:
    """Return the name of a group, marked where it is small."""
    return f"{name[:NAME]} (few)" if table.groups[name].small else name[:NAME]


def worst_words(results: Results, column: str) -> str:
    """Say which group the headline is worst for, and by how much the groups differ."""
    assert results.subgroups is not None
    word = metric_words(results.headline, len(results.classes))
    said = []
    for condition, table in results.subgroups[column].items():
        worst = table.worst.get(results.headline)
        if worst is not None:
            value = table.groups[worst].metrics[results.headline].value
            said.append(f"given {GIVEN[condition]}, {marked(worst, table)} ({value:.3f})")
    if not said:
        return f"{word.title} is defined for fewer than two groups."
    return f"{word.title} is worst for: {'; '.join(said)}."


def _rows(results: Results, condition: Condition, table: GroupTable) -> list[tuple[str, Estimate]]:
    """Return all eyes, then each group."""
    return [("all eyes", results.pooled(condition, results.headline))] + [
        (marked(name, table), group.metrics.get(results.headline, Estimate()))
        for name, group in table.groups.items()
    ]
