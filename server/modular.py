"""Federated averaging of incomplete modalities, module by module and phase by phase.

One algorithm for all methods of `configs/methods`: what differs between FedAvg, FedProx, experts,
FedRIMA and sites that train alone is which parts they name.

==============  ===================================================================================
FedAvg          one phase trains all; ``send: everything``; the mean by cases replaces the model
FedProx         the same, with a proximal term at the sites
SCAFFOLD        the same, with control variates, of which the state keeps each site's
FedBN           the mean by module; the state keeps each site's own batch normalisation
experts         one phase trains encoders and heads; each module is averaged over its owners
FedRIMA         experts; then predictors and fusion on frozen encoders, against the bank
analytic        one round: heads solved from sums of features, on encoders as they are
local           experts with ``send: nothing``: the state keeps each site's own model
pooled          FedRIMA over one site that holds the cases of all
==============  ===================================================================================
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import cast

from fed.config import Config
from fed.errors import ConfigError
from fed.initial import initial_model
from fed.own_models import own_state
from fed.protocol import Statistics, StatisticsTask, TrainTask, TransportCount, Update
from fed.sites import SiteCard
from fed.states import State
from model.parts import batch_normalisation, trained_modules
from server.aggregation import ModuleReduction, mean_of
from server.alarm import movement
from server.algorithm import Algorithm, Step, StepRecord, Task, Updates
from server.anchors import anchors
from server.bank import BankBuilder, missing_classes, transport_parameters
from server.heads import solve_heads
from server.kept import Kept, correction, first_kept, sent_to
from server.own_models import OwnModels
from server.selection import sent_anchors, sent_modules, sent_prototypes, take
from server.state import ServerState


def modular(config: Config) -> Algorithm:
    """Return the algorithm that a configuration's method composes."""
    return Algorithm(
        partial(_init, config), partial(_broadcast, config), partial(_aggregate, config)
    )


def _init(config: Config, sites: Sequence[SiteCard]) -> ServerState:
    model = initial_model(config)
    if config.method.own_normalisation and not batch_normalisation(model):
        raise ConfigError(
            "method.own_normalisation: nothing of this network is batch normalisation; allowed with "
            "model.normalisation: batch and encoders that train"
        )
    return ServerState(model, kept=first_kept(config, sites))


def _broadcast(config: Config, state: ServerState, step: Step, site: SiteCard) -> Task:
    """Return the modules and prototypes that a site can use, and nothing else."""
    if step.asks in ("statistics", "sums"):
        return StatisticsTask(take(state.model, trained_modules(["encoders"], site.modalities)))
    method, plan = config.method, step.round
    phase = method.phases[plan.phase]
    model = own_state(state.model, site.name) if method.keeps_own_models else state.model
    if method.own_normalisation:
        model = sent_to(model, state.kept, site.name)
    sent = take(model, sent_modules(method, phase, site.modalities))
    prototypes = sent_prototypes(config, phase, site, state.bank)
    return TrainTask(
        plan.number,
        plan.phase,
        plan.lr,
        sent,
        {m: state.bank[m] for m in prototypes},
        correction(state.kept, site.name, sent),
        sent_anchors(state.anchors, prototypes),
    )


def _aggregate(
    config: Config, state: ServerState, step: Step, updates: Updates
) -> tuple[ServerState, StepRecord]:
    if step.asks == "statistics":
        return _renew_bank(config, state, step, updates)
    if step.asks == "sums":
        return solve_heads(config, state, step, updates)
    return _train(config, state, step, updates)


def _train(
    config: Config, state: ServerState, step: Step, updates: Updates
) -> tuple[ServerState, StepRecord]:
    """Reduce each module over the sites that trained it, and move the model by the result."""
    method, plan = config.method, step.round
    fold = (
        OwnModels(state.model)
        if method.keeps_own_models
        else ModuleReduction(state.model, method.weight, method.reduce)
    )
    kept = Kept(config, state.kept)
    answered: list[str] = []
    losses: dict[str, Mapping[str, float]] = {}
    seconds: dict[str, float] = {}
    transport = TransportCount()
    for site, returned in updates:
        update = cast(Update, returned)
        fold.add(update, site)
        kept.add(update, site)
        answered.append(site.name)
        losses[site.name] = dict(update.losses)
        seconds[site.name] = update.seconds
        transport += update.transport
        del update, returned
    reduced = fold.result()
    moved = config.server_optimizer.move(state.model, reduced.model, fold.trained, state.moments)
    recent = _recent(state, step, moved.model, method.average_last)
    model = mean_of(recent) if plan.last and len(recent) > 1 else moved.model
    record = StepRecord(
        tuple(answered),
        losses,
        seconds,
        transport,
        reduced.told,
        reduced.bounded,
        movement(state.model, moved.model, fold.trained),
    )
    after = ServerState(
        model, plan.number, recent, moved.moments, state.bank, kept.result(), state.anchors
    )
    return after, record


def _recent(state: ServerState, step: Step, model: State, kept: int) -> tuple[State, ...]:
    """Return the last models of the phase, the newest last."""
    before = () if step.round.first else state.recent
    return (*before, model)[-kept:]


def _renew_bank(
    config: Config, state: ServerState, step: Step, updates: Updates
) -> tuple[ServerState, StepRecord]:
    """Merge the sites' clusters to a bank, and solve the feature plan between its halves."""
    merged, record = collect_statistics(config, step.round.number, updates)
    bank = merged.bank
    buffers, words = transport_parameters(bank, config.method.plan)
    told = tuple(f"bank of round {step.round.number}: {line}" for line in words)
    model = {**state.model, **buffers}
    renewed = replace(state, model=model, bank=bank, anchors=anchors(bank, merged.pairs))
    return renewed, StepRecord(record.answered, warnings=record.warnings + told)


def collect_statistics(
    config: Config, number: int, updates: Updates
) -> tuple[Statistics, StepRecord]:
    """Merge the sites' statistics to a bank; the record warns of what is missing in it."""
    builder = BankBuilder(config.method.prototypes, config.seed)
    answered = []
    for site, statistics in updates:
        builder.add(site.name, cast(Statistics, statistics))
        answered.append(site.name)
    bank = builder.result()
    words = builder.pulled + missing_classes(bank, config.task.classes)
    if config.method.asks_for_pairs and builder.pairs is None:
        words.append("no site has enough linked pairs, so that partners are drawn at random")
    warnings = tuple(f"bank of round {number}: {line}" for line in words)
    return Statistics(bank, builder.pairs), StepRecord(tuple(answered), warnings=warnings)
