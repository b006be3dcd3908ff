"""What `fedrima add` does, once it is known what is asked for."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from clients.class_sums import class_sums
from clients.site import LocalSite, open_site
from fed.config import Config, load, resolve
from fed.config.groups import SiteGroup
from fed.data.several import sharings
from fed.engines.site import one_thread
from fed.errors import ConfigError
from fed.protocol import Sums
from fed.schedule import schedule
from fed.sites import SiteCard
from fedrima.finished import Finished
from server.algorithm import Step
from server.budget import Budget
from server.heads import require_sums, with_sites
from server.modular import modular


def add_sites(folder: Path, sites: Sequence[str], out: Path, configs: Sequence[Path] = ()) -> None:
    """Write the model that a finished run would have ended with, had further sites been there.

    Only these compute: the sums of the others are kept. The folder is one that `fedrima predict`,
    `judge` and `export` take. It has no scores: nobody has judged that model yet.

    Parameters
    ----------
    configs : sequence of Path
        Configuration of the sites that the run's own does not have, merged left to right; of it
        only their groups, and where their eyes come from, are looked at.

    Raises
    ------
    UserError
        If there is no such run or site, the method does not let a site be added, the others' cases
        would change with it, or `out` is there already.
    """
    finished = Finished.load(folder, out)
    require_sums(finished.config, finished.state)
    config = joined(finished.config, sites, load(configs) if configs else None)
    opened = [open_site(config, name) for name in sites]
    cards = [site.card for site in opened]
    budget, phase = Budget(config, finished.ledger), config.method.phases[-1]
    budget.require(finished.state.completed, phase.name, cards)
    sums = {site.name: _sums(site, config, finished) for site in opened}
    budget.count(phase.name, sums)
    privacy = finished.results.privacy
    if privacy is not None:
        privacy = privacy.model_copy(update={"sites": {**privacy.sites, **budget.spent(cards)}})
    state = with_sites(config, finished.state, sums)
    told = f"added after training: {', '.join(sites)}"
    held = (card for card in finished.results.sites if card.name not in sums)
    update = {"sites": _in_order(config, [*held, *cards]), "privacy": privacy}
    replace(finished, config=config, state=state).write(out, told, update)


def _sums(site: LocalSite, config: Config, finished: Finished) -> Sums:
    """Return what the site answers to the request for sums."""
    step = Step(schedule(config)[-1], "sums")
    task = modular(config).broadcast(finished.state, step, site.card)
    with one_thread():
        return class_sums(site, task.parameters)


def joined(config: Config, sites: Sequence[str], other: Config | None) -> Config:
    """Return the configuration of the run with the groups of further sites.

    Raises
    ------
    ConfigError
        Naming the site or group that cannot be added.
    """
    if config.method.pool is not None:
        raise ConfigError(
            f"method: {config.method.name} pools all cases; there are no sites to add to"
        )
    known = {name: group for group in config.sites for name in group.site_names}
    found = {name: group for group in other.sites for name in group.site_names} if other else {}
    added: dict[str, SiteGroup] = {}
    for name in sites:
        group = known.get(name) or found.get(name)
        if group is None:
            where = (
                "--config names" if other else "the run's configuration names, or give --config;"
            )
            allowed = ", ".join(n for n, g in (found or known).items() if g.role == "train")
            raise ConfigError(f"{name}: no such site; allowed: those that {where} {allowed}")
        if group.role != "train":
            raise ConfigError(
                f"{name}: is held out, to judge the model on; allowed: a site that trains"
            )
        if name not in known:
            assert other is not None
            added[group.name] = _with_own_data(group, other, config)
    raw = json.loads(config.model_dump_json())
    raw["sites"] += [json.loads(group.model_dump_json()) for group in added.values()]
    joined = resolve(raw)
    for data, groups in sharings(joined):
        shares = any(not isinstance(group.cases, tuple) for group in groups)
        new = next((group for group in groups if group.name in added), None)
        if data.real and shares and new is not None and len(groups) > 1:
            raise ConfigError(
                f"sites.{new.name}.cases: patients of one source are dealt out to all its groups "
                "anew, so that others would have other cases; allowed: names found in "
                "data.site_column, or a source of its own"
            )
    return joined


def _with_own_data(group: SiteGroup, other: Config, config: Config) -> SiteGroup:
    """Return the group with its source written out, where that is not the source of the run."""
    own = other.data_of(group)
    said = ("source", "path", "label", "labels", "site_column", "require", "oct_axes")
    if all(getattr(own, key) == getattr(config.data, key) for key in said):
        return group.model_copy(update={"data": None})
    raw = json.loads(group.model_dump_json())
    return SiteGroup.model_validate(raw | {"data": {key: getattr(own, key) for key in said}})


def _in_order(config: Config, cards: Sequence[SiteCard]) -> tuple[SiteCard, ...]:
    order = {name: n for n, g in enumerate(config.sites) for name in g.site_names}
    return tuple(sorted(cards, key=lambda card: order[card.name]))
