"""All training sites of a federation as one, which holds their cases: what pooling would give.

The eyes, and the devices that imaged them, are those of the federation. Held-out sites stay as
they are.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from fed.config import Config
from fed.data.account import Account
from fed.data.cases import CaseImages, CaseSource, Pixels, SiteCases
from fed.data.groups import expand
from fed.errors import ConfigError
from fed.sites import MODALITIES, Resources, Site

POOLED = "pooled"
"""Name of the site, and of its group."""


def federation(config: Config) -> list[Site]:
    """Return the sites that take part: those of the configuration, or pooled ones.

    Where a finished model is judged, these are the held-out ones alone.

    Raises
    ------
    ConfigError
        If two sites have one name.
    """
    sites = expand(config.sites)
    held_out = [site for site in sites if site.role == "held_out"]
    if config.judge is not None:
        return held_out
    if config.method.pool is None:
        return sites
    if any(site.name == POOLED for site in held_out):
        raise ConfigError(f"sites: a held-out site is named {POOLED!r}, as the training site will")
    return [_pooled(site for site in keepers(config) if site.role == "train"), *held_out]


def keepers(config: Config) -> list[Site]:
    """Return the sites as they keep what is theirs: complete where the method pools all images."""
    sites = expand(config.sites)
    if config.method.pool != "complete":
        return sites
    everything = dict.fromkeys(MODALITIES, 1.0)
    return [
        replace(site, shares=everything, paired=1.0) if site.role == "train" else site
        for site in sites
    ]


class PooledSource:
    """A source whose training sites are one.

    Parameters
    ----------
    source : CaseSource
        Of the federation's own sites.
    config : Config
        With ``method.pool``.
    """

    def __init__(self, source: CaseSource, config: Config) -> None:
        self._source = source
        self._sites = federation(config)

    @property
    def sites(self) -> Sequence[Site]:
        """The pooled site, then the held-out ones."""
        return tuple(self._sites)

    @property
    def accounts(self) -> Sequence[Account]:
        """What became of everything that was read or drawn."""
        return self._source.accounts

    @property
    def warnings(self) -> Sequence[str]:
        """What a reader of the results must know of the eyes."""
        return self._source.warnings

    def open(self, name: str) -> SiteCases:
        """Return the cases of one site; the pooled one has them in the order of the sites."""
        if name != POOLED:
            return self._source.open(name)
        parts = [self._source.open(s.name) for s in self._source.sites if s.role == "train"]
        cases = tuple(case for part in parts for case in part.cases)
        starts = tuple(accumulate((len(part) for part in parts), initial=0))[:-1]
        images = PooledImages(starts, tuple(part.images for part in parts))
        return SiteCases(self._sites[0], cases, images)


@dataclass(frozen=True)
class PooledImages:
    """Reads the images of all training sites.

    Attributes
    ----------
    starts : tuple of int
        Position of each site's first case.
    parts : tuple of CaseImages
    """

    starts: tuple[int, ...]
    parts: tuple[CaseImages, ...]

    @property
    def mapped(self) -> bool:
        """Whether those of all sites are."""
        return all(part.mapped for part in self.parts)

    def fundus(self, index: int) -> Pixels:
        """Return colour fundus photograph ``(3, height, width)`` of case `index`."""
        part, own = self._find(index)
        return part.fundus(own)

    def oct(self, index: int) -> Pixels:
        """Return OCT volume ``(slices, depth, width)`` of case `index`."""
        part, own = self._find(index)
        return part.oct(own)

    def _find(self, index: int) -> tuple[CaseImages, int]:
        part = bisect_right(self.starts, index) - 1
        return self.parts[part], index - self.starts[part]


def _pooled(sites: Iterable[Site]) -> Site:
    training = list(sites)
    return Site(
        name=POOLED,
        group=POOLED,
        role="train",
        shares={m: max(site.shares[m] for site in training) for m in MODALITIES},
        paired=min(site.paired for site in training),
        style=max(site.style for site in training),
        resources=Resources(),
    )
