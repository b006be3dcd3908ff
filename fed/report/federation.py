"""The federation at a glance: a row a site, or a row a group where sites are many."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fed.sites import Modality, Resources, SiteCard

MOST_ROWS = 48
"""Federations with more sites are shown by group."""


@dataclass(frozen=True)
class FederationRow:
    """A site, or the sites of a group.

    Attributes
    ----------
    having : dict
        Cases with each owned modality.
    by_class : tuple of (class, cases, share of the widest bar in percent)
    resources : tuple of str
        Speed, network and presence in words; a range where the sites of a group differ. Empty where
        the configuration gives no site other than the usual ones.
    """

    name: str
    role: str
    having: dict[Modality, int]
    total: int
    by_class: tuple[tuple[str, int, float], ...]
    resources: tuple[str, ...]


def federation_rows(sites: Sequence[SiteCard], classes: Sequence[str]) -> list[FederationRow]:
    """Describe all sites, the widest bar being the site (or group) with most cases."""
    if len(sites) <= MOST_ROWS:
        named = [(site.name, [site]) for site in sites]
    else:
        groups = dict.fromkeys((site.group, site.role) for site in sites)
        members = [[s for s in sites if (s.group, s.role) == key] for key in groups]
        named = [(f"{found[0].group} × {len(found)}", found) for found in members]
    widest = max((sum(site.total for site in found) for _, found in named), default=0) or 1
    told = any(site.resources != Resources() for site in sites)
    return [_row(name, found, classes, widest, told) for name, found in named]


def _row(
    name: str, sites: Sequence[SiteCard], classes: Sequence[str], widest: int, told: bool
) -> FederationRow:
    by_class = np.sum([c for site in sites for c in site.cases.values()], axis=0)
    owned = dict.fromkeys(modality for site in sites for modality in site.modalities)
    return FederationRow(
        name=name,
        role=sites[0].role,
        having={m: sum(site.having(m) for site in sites) for m in owned},
        total=sum(site.total for site in sites),
        by_class=tuple(
            (label, int(count), 100 * float(count) / widest)
            for label, count in zip(classes, by_class, strict=True)
        ),
        resources=_resources([site.resources for site in sites]) if told else (),
    )


def _resources(resources: Sequence[Resources]) -> tuple[str, str, str]:
    speed = _range([r.speed for r in resources], "×")
    down = _range([r.downlink_mbps for r in resources], "")
    up = _range([r.uplink_mbps for r in resources], "")
    available = _range([100 * r.availability for r in resources], " %")
    dropout = _range([100 * r.dropout for r in resources], " %")
    return speed, f"{down} / {up}", f"{available}, drops {dropout}"


def _range(values: Sequence[float], unit: str) -> str:
    low, high = min(values), max(values)
    return f"{low:g}{unit}" if low == high else f"{low:g}–{high:g}{unit}"
