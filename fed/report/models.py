"""Where sites keep models of their own: each of them at each held-out site."""

from fed.results import Estimate, HeldOut, Results
from fed.sites import Condition

MOST_MODELS = 48
"""Rows of a table; ``results.json`` has all."""
ALL = "all sites"


def models_that_serve(results: Results, condition: Condition) -> list[str]:
    """Return the sites whose model has answers under a condition, the first `MOST_MODELS`."""
    models = results.held_out.models or {}
    return [name for name, scores in models.items() if condition in scores.pooled][:MOST_MODELS]


def cells_of(
    held_out: HeldOut, model: str, condition: Condition, metric: str
) -> list[tuple[Estimate, str]]:
    """Return a model's metric at all sites together, then at each, and where ``results.json`` has it.

    Empty where a site has no case of the condition.
    """
    assert held_out.models is not None
    scores, path = held_out.models[model], f"held_out/models/{model}"
    tables = [(scores.pooled, f"{path}/pooled")]
    tables += [(scores.sites.get(site, {}), f"{path}/sites/{site}") for site in held_out.sites]
    return [
        (table[condition][metric], f"{place}/{condition}/{metric}/value")
        if condition in table
        else (Estimate(), "")
        for table, place in tables
    ]
