"""From the groups of a configuration to the sites of a federation."""

from collections import Counter
from collections.abc import Iterable

from fed.config.groups import SiteGroup
from fed.errors import ConfigError
from fed.sites import Site


def expand(groups: Iterable[SiteGroup]) -> list[Site]:
    """Return the sites of `groups`, in their order.

    They are named ``name-1`` to ``name-count``; the only site of a group has the bare name.

    Raises
    ------
    ConfigError
        If two groups give sites of one name.
    """
    sites = [site for group in groups for site in _sites_of(group)]
    twice = [name for name, times in Counter(site.name for site in sites).items() if times > 1]
    if twice:
        raise ConfigError(f"sites: two groups have a site named {twice[0]!r}; rename one of them")
    return sites


def group_of(groups: Iterable[SiteGroup], site: str) -> SiteGroup:
    """Return the group of the site that is named."""
    return next(group for group in groups if site in group.site_names)


def _sites_of(group: SiteGroup) -> list[Site]:
    return [
        Site(
            name=name,
            group=group.name,
            role=group.role,
            shares=group.ownership,
            paired=group.paired,
            style=group.style,
            resources=group.resources.typed(),
            populations=tuple((p.share, p.modalities) for p in group.populations),
        )
        for name in group.site_names
    ]
