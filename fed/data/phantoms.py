"""Phantom eyes as a data source: every case drawn when asked for, alone if need be."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fed.config.groups import Dirichlet, LogNormal, SiteGroup
from fed.config.schema import Config
from fed.data.account import Account
from fed.data.cases import Case, Pixels, SiteCases, owned
from fed.data.phantom.findings import Eye, draw_eye
from fed.data.phantom.fundus import FundusCamera
from fed.data.phantom.oct import OctScanner
from fed.data.phantom.style import draw_style
from fed.data.pooling import keepers
from fed.errors import ConfigError
from fed.randomness import generator
from fed.sites import MODALITIES, Modality, Site

FEWEST_CASES = 8
"""Least number of eyes a site gets where their number is drawn."""


class PhantomSource:
    """Synthetic eyes for the sites of a configuration.

    A case depends on the seed, the name of its site and its place there alone, so nothing is kept:
    a federation of a thousand sites costs no more memory than one.

    Raises
    ------
    ConfigError
        If a group asks for a share of patients or for names of sites, which only real eyes have.
    """

    def __init__(self, config: Config) -> None:
        for group in config.sites:
            if not isinstance(group.cases, int | LogNormal):
                raise ConfigError(
                    f"sites.{group.name}.cases: phantom eyes come by number, not as "
                    f"{group.cases!r}; allowed: a number or {{median, spread}}"
                )
        self._seed = config.seed
        self._classes = len(config.task.classes)
        self._image_size = config.data.image_size
        self._volume_size = config.data.volume_size
        self._groups = {group.name: group for group in config.sites}
        self._sites = {site.name: site for site in keepers(config)}

    @property
    def sites(self) -> Sequence[Site]:
        """All sites, in the order of the configuration."""
        return tuple(self._sites.values())

    @property
    def accounts(self) -> Sequence[Account]:
        """How many eyes are drawn, and what they are counted as."""
        eyes = sum(self._count(self._groups[s.group], s.name) for s in self._sites.values())
        cases = sum(len(self.open(name)) for name in self._sites)
        return (Account("phantom", eyes, cases, {}),)

    @property
    def warnings(self) -> Sequence[str]:
        """None: phantoms hold what they are asked to."""
        return ()

    def open(self, name: str) -> SiteCases:
        """Return the cases of one site; their pixels are drawn when asked for."""
        return self._open(self._sites[name], self._groups[self._sites[name].group])

    def _open(self, site: Site, group: SiteGroup) -> SiteCases:
        name = site.name
        proportions = self._proportions(group, name)
        cases: list[Case] = []
        eyes: list[int] = []
        for index in range(self._count(group, name)):
            random = generator(self._seed, name, index, "record")
            label = int(np.searchsorted(np.cumsum(proportions)[:-1], random.random(), "right"))
            patient = f"{name}/{index:04d}"
            kept = list(owned(patient, patient, label, MODALITIES, site, random))
            cases += kept
            eyes += [index] * len(kept)
        style = draw_style(site.style, site.role, generator(self._seed, name, "style"))
        images = PhantomImages(
            self._seed,
            name,
            self._classes,
            tuple(cases),
            tuple(eyes),
            FundusCamera(self._image_size, style.fundus),
            OctScanner(self._volume_size, style.oct),
        )
        return SiteCases(site, tuple(cases), images)

    def _count(self, group: SiteGroup, name: str) -> int:
        if isinstance(group.cases, int):
            return group.cases
        assert isinstance(group.cases, LogNormal)
        draw = generator(self._seed, name, "cases").standard_normal()
        return max(FEWEST_CASES, round(group.cases.median * np.exp(group.cases.spread * draw)))

    def _proportions(self, group: SiteGroup, name: str) -> NDArray[np.float64]:
        if isinstance(group.labels, Dirichlet):
            concentrations = group.labels.concentrations(self._classes)
            return generator(self._seed, name, "labels").dirichlet(concentrations)
        if isinstance(group.labels, tuple):
            return np.array(group.labels) / sum(group.labels)
        return np.full(self._classes, 1 / self._classes)


@dataclass(frozen=True)
class PhantomImages:
    """Draws the pixels of one site's cases."""

    seed: int
    site: str
    classes: int
    cases: tuple[Case, ...]
    eyes: tuple[int, ...]
    camera: FundusCamera
    scanner: OctScanner

    @property
    def mapped(self) -> bool:
        """False: every picture is drawn anew."""
        return False

    def fundus(self, index: int) -> Pixels:
        """Draw the colour fundus photograph ``(3, height, width)`` of case `index`."""
        self._require("fundus", index)
        random = generator(self.seed, self.site, self.eyes[index], "fundus")
        return self.camera.photograph(self.eye(index), random)

    def oct(self, index: int) -> Pixels:
        """Draw the OCT volume ``(slices, depth, width)`` of case `index`."""
        self._require("oct", index)
        random = generator(self.seed, self.site, self.eyes[index], "oct")
        return self.scanner.scan(self.eye(index), random)

    def eye(self, index: int) -> Eye:
        """Draw the eye behind case `index`; both halves of an unlinked pair have the same."""
        random = generator(self.seed, self.site, self.eyes[index], "eye")
        return draw_eye(self.cases[index].label, self.classes, random)

    def _require(self, modality: Modality, index: int) -> None:
        if modality not in self.cases[index].modalities:
            raise ValueError(f"case {self.cases[index].case_id} has no {modality}")
