"""The data source that a configuration names."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from fed.config import Config
from fed.data.cases import CaseSource
from fed.data.collection import Collection
from fed.data.groups import group_of
from fed.data.held_out import HeldOutSource
from fed.data.labels import graded
from fed.data.manifest import read_manifest
from fed.data.own import OwnRows
from fed.data.pooling import PooledSource
from fed.data.prepared import PreparedReader, prepare
from fed.data.rows import RowsSource
from fed.data.several import SeveralSources, Sharing, sharings
from fed.data.subgroups import check_columns
from fed.errors import ConfigError
from fed.parts import source_reader


def open_source(config: Config, check: bool = True) -> CaseSource:
    """Return the data source of a configuration.

    Parameters
    ----------
    check : bool
        Whether to read every image of a real source once, so that bad files are refused now. The
        program does it at its start; a worker that opens the source again need not.

    Raises
    ------
    ConfigError, DataError
        If the source, or one of its files, does not bear out the configuration.
    """
    source = _source(config, check)
    if config.judge is not None:
        return HeldOutSource(source)
    return source if config.method.pool is None else PooledSource(source, config)


@lru_cache(maxsize=1)
def open_once(config: Config) -> CaseSource:
    """Return the source of a configuration unchecked, the same to all in this process who ask."""
    return open_source(config, check=False)


def open_own(config: Config, site: str, path: str) -> OwnRows:
    """Return what one site holds, read from where that site keeps its data.

    Parameters
    ----------
    path : str
        Takes the place of the path of the site's source: a manifest or a folder, as it wants it.

    Raises
    ------
    ConfigError, DataError
        If the source has no path, or the data does not bear out the configuration.
    """
    if config.method.pool is not None:
        raise ConfigError(
            f"method: {config.method.name} pools all cases, which takes data.path, not one site's "
            f"own data at {path}"
        )
    data = config.data_of(group_of(config.sites, site))
    if not data.real:
        raise ConfigError(f"data: {path} is given, but phantom eyes are drawn, not read")
    data = data.model_copy(update={"path": path, "prepared": None})
    here = config.model_copy(update={"data": data})
    return OwnRows(here, _collection(here, own=True), site)


def prepare_images(
    config: Config, workers: int, progress: Callable[[int, int], None] = lambda done, total: None
) -> int:
    """Fill the folder ``data.prepared`` with the decoded images of a real source.

    Returns how many images were decoded; those already there as they are now are not. See
    `fed.data.prepared.prepare` for the parameters.

    Raises
    ------
    ConfigError, DataError
        If there is nothing to prepare or nowhere to, or naming the images that cannot be read.
    """
    sources = [source for source in _sources(config) if isinstance(source, RowsSource)]
    if not sources:
        raise ConfigError("data.source: phantom eyes are drawn, not read; nothing to prepare")
    if config.data.prepared is None:
        raise ConfigError("data.prepared: name the folder that prepared images are kept in")
    decoded = 0
    for source in sources:
        for reader, images in source.images:
            assert isinstance(reader, PreparedReader)
            decoded += prepare(images, reader, workers, progress)
    return decoded


def pictures(source: CaseSource, config: Config) -> CaseSource:
    """Return the source of what a person can look at: images also where rounds run on features."""
    if not config.model.frozen:
        return source
    data = config.data.model_copy(update={"prepared": None})
    model = config.model.model_copy(update={"frozen": {}})
    return open_source(config.model_copy(update={"data": data, "model": model}), check=False)


def _source(config: Config, check: bool) -> CaseSource:
    shared = sharings(config)
    several = len(shared) > 1
    source = SeveralSources(config, _shared) if several else _shared(config, shared[0])
    if check:
        opened = source.sources if isinstance(source, SeveralSources) else [source]
        rows = (row for one in opened if isinstance(one, RowsSource) for row in one.rows)
        check_columns(rows, config.evaluation.subgroups)
        if isinstance(source, RowsSource | SeveralSources):
            source.check()
    return source


def _sources(config: Config) -> list[CaseSource]:
    return [_shared(config, shared) for shared in sharings(config)]


def _shared(config: Config, sharing: Sharing) -> CaseSource:
    """Open a source for the groups that share it."""
    data, groups = sharing
    here = config.model_copy(update={"data": data})
    if not data.real:
        return _phantoms(here.model_copy(update={"sites": groups}))
    return RowsSource(here, _collection(here), groups)


def _phantoms(config: Config) -> CaseSource:
    from fed.data.clinic_phantoms import ClinicSource
    from fed.data.phantoms import PhantomSource

    versions: dict[int, type[PhantomSource]] = {1: PhantomSource, 2: ClinicSource}
    return versions[config.data.version](config)


def _collection(config: Config, own: bool = False) -> Collection:
    if config.data.source == "manifest":
        return read_manifest(config, own)
    data = config.data
    reader = source_reader(data.source)
    collection: Collection = reader.read(Path(data.path or ""), data.label)
    return graded(collection, data, config.task.classes)
