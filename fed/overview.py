"""A federation at a glance, for the terminal."""

from collections.abc import Sequence

from rich.table import Table

from fed.sites import CONDITIONS, SiteCard


def federation_table(cards: Sequence[SiteCard], classes: Sequence[str]) -> Table:
    """Return a row a site: role, modalities, cases by class and modality, resources."""
    table = Table(title=f"{len(cards)} sites; cases by class: {' / '.join(classes)}", box=None)
    for column in ("site", "role", "owns", "both", "fundus only", "OCT only"):
        table.add_column(column, no_wrap=True)
    for column in ("speed", "Mbit/s", "up"):
        table.add_column(column, justify="right")
    for card in cards:
        resources = card.resources
        table.add_row(
            card.name,
            card.role.replace("_", " "),
            "+".join(card.modalities) or "nothing",
            *(_counts(card.cases[condition]) for condition in CONDITIONS),
            f"{resources.speed:g}",
            f"{resources.downlink_mbps:g}/{resources.uplink_mbps:g}",
            f"{resources.availability * (1 - resources.dropout):.0%}",
        )
    return table


def _counts(counts: Sequence[int]) -> str:
    return "/".join(map(str, counts)) if any(counts) else "–"
