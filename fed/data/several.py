"""A federation whose groups of sites read from several sources, each group from one."""

import os
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

from fed.config import Config
from fed.config.data import Data
from fed.config.groups import SiteGroup
from fed.data.account import Account
from fed.data.cases import CaseSource, SiteCases
from fed.data.cautions import Held, equal_images, several_labels, telling_devices
from fed.data.doubts import image_warnings
from fed.data.pooling import keepers
from fed.data.rows import RowsSource
from fed.errors import ConfigError, DataError
from fed.sites import Site

Sharing = tuple[Data, tuple[SiteGroup, ...]]
"""A source, and the groups that share it out among their sites."""


def sharings(config: Config) -> list[Sharing]:
    """Return the sources of a federation, each with its groups, in the order of the configuration.

    A source is one folder or file: groups that read the same one share its patients out, so that
    none of them is at two sites.

    Raises
    ------
    ConfigError
        If two groups read one source in two ways.
    """
    found: dict[tuple[str, str], tuple[Data, list[SiteGroup]]] = {}
    for group in config.sites:
        data = config.data_of(group)
        where = os.path.realpath(data.path or "") if data.real else ""
        shared, groups = found.setdefault((data.source, where), (data, []))
        if data.real and shared.model_copy(update={"path": data.path}) != data:
            raise ConfigError(
                f"sites.{group.name}.data: reads {data.path} in another way than "
                f"sites.{groups[0].name} does; label, labels, site_column and require of one "
                "source are the same for all groups that share it"
            )
        groups.append(group)
    return [(data, tuple(groups)) for data, groups in found.values()]


class SeveralSources:
    """The sites of a configuration, each with cases of its group's own source.

    A source is opened when one of its sites is: whoever wants one site reads nobody else's files.

    Parameters
    ----------
    config : Config
    open_one : callable
        Opens a source for the groups that share it.
    """

    def __init__(self, config: Config, open_one: Callable[[Config, Sharing], CaseSource]) -> None:
        self._config = config
        self._open_one = open_one
        self._sharings = sharings(config)
        self._position = {
            group.name: position
            for position, (_, groups) in enumerate(self._sharings)
            for group in groups
        }
        self._sites = {site.name: site for site in keepers(config)}
        self._opened: dict[int, CaseSource] = {}
        self._equal: tuple[str, ...] = ()

    @property
    def sites(self) -> Sequence[Site]:
        """All sites, in the order of the configuration."""
        return tuple(self._sites.values())

    def open(self, name: str) -> SiteCases:
        """Return the cases of one site; opens no other source."""
        return self._source(self._position[self._sites[name].group]).open(name)

    @cached_property
    def accounts(self) -> Sequence[Account]:
        """What became of the rows of every source."""
        return tuple(account for source in self.sources for account in source.accounts)

    @property
    def warnings(self) -> Sequence[str]:
        """What a reader of the results must know of the eyes; of equal images only once checked."""
        words: list[str] = []
        for source in self._read:
            held = tuple(source.held)
            words += several_labels(source.name, held)
        doubts = (doubt for source in self._read for doubt in source.doubts)
        telling = telling_devices(tuple(self._held()), self._config)
        return (*words, *telling, *self._equal, *image_warnings(doubts))

    def check(self) -> None:
        """Make sure that every image of every source is there and can be read.

        Raises
        ------
        DataError
            Naming the first ten files of a source that cannot be read, or two cases of different
            sources with one image.
        """
        owner: dict[str, str] = {}
        for source in self._read:
            source.read()
            for row in source.rows:
                for path in row.images.values():
                    first = owner.setdefault(os.path.realpath(path), source.name)
                    if first != source.name:
                        raise DataError(f"{path}: given by both {first} and {source.name}")
        readers = [reader for source in self._read for reader in source.readers.values()]
        self._equal = equal_images(self._held(), readers)

    @property
    def sources(self) -> Sequence[CaseSource]:
        """Every source, opened."""
        return [self._source(position) for position in range(len(self._sharings))]

    @property
    def _read(self) -> list[RowsSource]:
        return [source for source in self.sources if isinstance(source, RowsSource)]

    def _held(self) -> Iterator[Held]:
        for source in self._read:
            yield from source.held

    def _source(self, position: int) -> CaseSource:
        if position not in self._opened:
            self._opened[position] = self._open_one(self._config, self._sharings[position])
        return self._opened[position]
