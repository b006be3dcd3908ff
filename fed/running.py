"""What Flower hands to the apps: the run's configuration, and which site a node is.

An engine passes the resolved configuration itself (``federation``). `flwr run` passes what
``[tool.flwr.app.config]`` declares: files of the bundle and overrides, from which server and sites
resolve the same configuration, each on its own.
"""

import os
import shlex
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from fed.config import Config, load
from fed.data import pooling
from fed.errors import ConfigError, nearest
from fed.parts import trusting
from fed.storage import set_aside

Values = Mapping[str, Any]
"""``context.run_config`` or ``context.node_config``."""

BUNDLE = Path(__file__).parents[1]


def by_engine(run_config: Values) -> bool:
    """Return whether an engine of `fed.engines` runs the app, rather than Flower's runtime."""
    return "federation" in run_config


def deployed(run_config: Values, node_config: Values) -> bool:
    """Return whether this is a node of its own, and not one that is simulated with the others."""
    return not by_engine(run_config) and "site" in node_config


def site_folder(node_config: Values) -> Path:
    """Return where a deployed site keeps what stays with it (``folder="/srv/fedrima"``).

    By default ``fedrima/<site>`` in Flower's own folder, ``$FLWR_HOME`` or ``~/.flwr``.
    """
    named = node_config.get("folder")
    if named:
        return Path(str(named))
    flower = os.environ.get("FLWR_HOME") or Path.home() / ".flwr"
    return Path(flower) / "fedrima" / str(node_config["site"])


def key_file(node_config: Values) -> Path:
    """Return the file of a site's key of pseudonyms (``key="/srv/eyes.key"``), in its folder."""
    return Path(str(node_config.get("key") or site_folder(node_config) / "pseudonyms.key"))


def configured(run_config: Values, trusted: Sequence[str] | None = None) -> Config:
    """Return the run's configuration: the engine's own value, or what the bundle's files give.

    Parameters
    ----------
    trusted : sequence of str, optional
        Packages that parts of one's own may be loaded from; None: any.

    Raises
    ------
    ConfigError
        If a file is not in the bundle, or the configuration is wrong.
    """
    if by_engine(run_config):
        return cast(Config, run_config["federation"])
    files, settings = str(run_config["config"]), str(run_config.get("set", ""))
    return _bundled(files, settings, None if trusted is None else tuple(trusted))


@lru_cache(maxsize=4)
def _bundled(files: str, settings: str, trusted: tuple[str, ...] | None) -> Config:
    names = shlex.split(files)
    missing = [name for name in names if not (BUNDLE / name).is_file()]
    if missing or not names:
        raise ConfigError(
            f"config: {missing[0] if missing else '(empty)'} is not in the bundle; allowed: YAML "
            "files under configs/, where `flwr run` bundles them for all sites"
        )
    with trusting(trusted):
        config = load([BUNDLE / name for name in names], shlex.split(settings))
    if config.attack is not None:
        raise ConfigError("attack: hospitals do not attack; allowed outside simulate.py: null")
    return config


def trusted_parts(node_config: Values) -> tuple[str, ...]:
    """Return the packages whose parts a site loads: ``parts="my_study,ours"`` of its node-config."""
    return tuple(filter(None, str(node_config.get("parts", "")).replace(" ", "").split(",")))


def output_folder(config: Config, run_config: Values) -> Path:
    """Return the run's folder, ready: an earlier run in it is moved aside, or to be resumed.

    Raises
    ------
    ConfigError
        If ``resume`` is asked for, and the folder does not hold this run.
    """
    directory = Path(str(run_config["out"])).resolve()
    if not run_config["resume"]:
        set_aside(directory)
    elif not (directory / "config.yaml").is_file():
        raise ConfigError(f"resume: {directory} holds no config.yaml, so no run to go on with")
    elif load([directory / "config.yaml"]) != config:
        raise ConfigError(
            f"resume: the run in {directory} has another configuration (config.yaml); give the "
            "same config and set, or resume=false to begin anew"
        )
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def own_data(node_config: Values) -> str | None:
    """Return where a site keeps its data (``data="/eyes/manifest.csv"``), if it says so."""
    return str(node_config["data"]) if "data" in node_config else None


def site_name(config: Config, node_config: Values) -> str:
    """Return the site that a node is.

    A SuperNode says it (``site="clinic-1"``); a node that Flower simulates has a number
    (``partition-id``), which counts through the sites of the configuration.

    Raises
    ------
    ConfigError
        If the node does not say, names no site of the configuration, or there are not as many
        simulated nodes as sites.
    """
    names = [site.name for site in pooling.federation(config)]
    if "site" in node_config:
        name = str(node_config["site"])
        if name not in names:
            raise ConfigError(f"node-config site: unknown site {name!r}{nearest(name, names)}")
        return name
    if "partition-id" not in node_config:
        raise ConfigError(
            "node-config: this SuperNode does not say which site it is; start it with "
            f"--node-config 'site=\"{names[0]}\"'. Allowed: {', '.join(names)}"
        )
    position = int(node_config["partition-id"])
    nodes = int(node_config.get("num-partitions", len(names)))
    if nodes != len(names) or position >= len(names):
        raise ConfigError(
            f"{nodes} nodes are simulated for the {len(names)} sites of {config.name!r}; run it "
            f"with --federation-config 'num-supernodes={len(names)}'"
        )
    return names[position]
