"""`engine.name: auto`: what finishes first for this federation on this machine."""

from collections.abc import Sequence

from fed.config import Config
from fed.engines.machine import usable_cpus
from fed.sites import SiteCard
from fed.study.cost import phase_seconds, sites_of

RAY_START_S = 18.0
"""What Ray takes beyond an even share of the work: the demo took 111 s in one process and 74 s on
two workers, on two idle cores."""


def placed(config: Config, cards: Sequence[SiteCard], cpus: int | None = None) -> Config:
    """Return the configuration with an engine that is named; one named by its author stays.

    Ray is taken where workers save more time than they take to start. So small federations run
    in this process, and so does all that would not gain: one core, one site, and networks of the
    published scale, of which every worker would hold one more, with gigabytes of activations.
    Who asks for workers, a cluster or shares of a GPU gets them. Which engine runs does not
    change a byte of the result.

    Parameters
    ----------
    config : Config
    cards : sequence of SiteCard
        Of all sites.
    cpus : int, optional
        By default those that this process may use.
    """
    engine = config.engine
    if engine.name != "auto":
        return config
    return _named(config, "ray" if _gains(config, cards, cpus or usable_cpus()) else "inline")


def alone(config: Config) -> Config:
    """Return the configuration of a run that has one core to itself, as the runs of a study."""
    return config if config.engine.name != "auto" else _named(config, "inline")


def _named(config: Config, engine: str) -> Config:
    return config.model_copy(update={"engine": config.engine.model_copy(update={"name": engine})})


def _gains(config: Config, cards: Sequence[SiteCard], cpus: int) -> bool:
    engine = config.engine
    if engine.workers is not None or engine.address is not None or engine.gpus_per_worker > 0:
        return True
    if config.model.scale == "paper":
        return False
    seconds = sum(phase_seconds(config, sites_of(cards)))
    workers = max(1, min(cpus, sum(card.role == "train" for card in cards)))
    return seconds * (1 - 1 / workers) > RAY_START_S
