"""Whether the sites of a federation are hospitals or parts of a collection that stand for them."""

from fed.config import Config
from fed.data.several import sharings


def pseudo_sites(config: Config) -> str | None:
    """Return what a reader must know of the sites.

    None where each is drawn, or has a source to itself: of such sites nothing is claimed here.
    """
    divided = [
        (data, groups)
        for data, groups in sharings(config)
        if data.real and sum(group.count for group in groups) > 1
    ]
    if not divided:
        return None
    named = sorted(
        {
            column
            for data, groups in divided
            if any(isinstance(group.cases, tuple) for group in groups)
            for column in data.site_column or ()
            if column != "split"
        }
    )
    if named:
        made = f"the sites are groups of eyes by {' and '.join(named)}"
        reservation = "unless that names hospitals"
    else:
        collections = " and ".join(data.source for data, _ in divided)
        parts = "one collection" if len(divided) == 1 else "collections"
        made = f"the sites are parts of {parts} ({collections})"
        reservation = "unless each brings data of its own"
    return (
        f"{made}: {reservation}, they are pseudo-sites, not hospitals, and say little of how much "
        "hospitals differ"
    )
