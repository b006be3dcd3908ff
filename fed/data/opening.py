"""The data source that a configuration names."""

from importlib import import_module
from pathlib import Path

from fed.config import Config
from fed.data.cases import CaseSource
from fed.data.manifest import ManifestSource
from fed.data.rows import RowsSource


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
    if config.data.source == "phantom":
        from fed.data.phantom.source import PhantomSource

        return PhantomSource(config)
    source = _rows(config)
    if check:
        source.check()
    return source


def _rows(config: Config) -> RowsSource:
    if config.data.source == "manifest":
        return ManifestSource(config)
    reader = import_module(f"fed.data.collections.{config.data.source}")
    return RowsSource(config, reader.read(Path(config.data.path or ""), config.data.label))
