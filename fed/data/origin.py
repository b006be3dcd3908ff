"""Whether the sites of a federation are hospitals or parts of a collection that stand for them."""

from fed.config import Config


def pseudo_sites(config: Config) -> str | None:
    """Return what a reader must know of the sites; None for phantom eyes, which claim nothing."""
    if config.data.source == "phantom":
        return None
    columns = config.data.site_column or ()
    by_name = any(isinstance(group.cases, tuple) for group in config.sites)
    named = [column for column in columns if column != "split"] if by_name else []
    if named:
        made = f"the sites are groups of eyes by {' and '.join(named)}"
        reservation = "unless that names hospitals"
    else:
        made = f"the sites are parts of one collection ({config.data.source})"
        reservation = "unless each brings data of its own"
    return (
        f"{made}: {reservation}, they are pseudo-sites, not hospitals, and say little of how much "
        "hospitals differ"
    )
