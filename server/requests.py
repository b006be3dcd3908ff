"""What the server asks of its sites: class statistics, sums, a round of training, scores."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fed import protocol
from fed.config import Config
from fed.own_models import own_state, owned
from fed.protocol import (
    Bank,
    Content,
    Scores,
    Statistics,
    StatisticsTask,
    Sums,
    TrainTask,
    Update,
)
from fed.sites import MODALITIES, Modality, SiteCard
from fed.states import State, restored
from model.parts import ENCODER, learned, used_modules
from server.algorithm import Algorithm, Step, Task
from server.exchange import Exchange, Request
from server.membership import Member, longest_first, sample_cohort
from server.selection import feature_widths, most_cases, returned_modules, take, update_bytes
from server.state import ServerState


def training_requests(
    config: Config, algorithm: Algorithm, state: ServerState, step: Step, exchange: Exchange
) -> Iterator[Request[Update]]:
    """Yield the round for each site that takes part; book those that do not."""
    phase = config.method.phases[step.round.phase]
    keys = [k for k in state.model if learned(k) or config.model.normalisation != "local"]
    for member, task, content in _tasks(config, algorithm, state, step, exchange):
        returned = returned_modules(config.method, phase, member.card)
        modules = most_cases(config.method, member.card, returned)
        unpack = _update_reader(config, state.model, task.parameters, modules, keys, member.card)
        least = update_bytes(config, phase, member.card, state.model)
        yield Request(member, content, unpack, least)


def statistics_requests(
    config: Config, algorithm: Algorithm, state: ServerState, step: Step, exchange: Exchange
) -> Iterator[Request[Statistics]]:
    """Yield the request for class statistics for each training site in reach."""
    away = sample_cohort(exchange.membership, step.round.number, config).unavailable
    packed = _Payloads()
    widths = feature_widths(state.model)
    for member in longest_first(m for m in exchange.membership.with_role("train") if m not in away):
        content = packed.of(algorithm.broadcast(state, step, member.card))
        yield Request(member, content, _statistics_reader(config, widths, member.card))


def sums_requests(
    config: Config, algorithm: Algorithm, state: ServerState, step: Step, exchange: Exchange
) -> Iterator[Request[Sums]]:
    """Yield the request for sums of features for each site that takes part; book the others."""
    widths = feature_widths(state.model)
    for member, _, content in _tasks(config, algorithm, state, step, exchange):
        yield Request(member, content, _sums_reader(config, widths, member.card))


def score_requests(
    config: Config,
    model: State,
    part: protocol.Split,
    owner: str | None,
    bank: Bank,
    exchange: Exchange,
) -> Iterator[Request[Scores]]:
    """Yield the request for scores for each site that judges the model.

    Parameters
    ----------
    owner : str or None
        Whose own model is scored, where sites keep theirs: by all held-out sites, or on the owner's
        own validation split.
    bank : Bank
        Prototypes that held-out sites adapt the model with.
    """
    role = "held_out" if part == "held_out" else "train"
    exchange.fail_absent(role)  # type: ignore[arg-type]
    judges: Iterable[Member] = exchange.membership.with_role(role)
    seen: Sequence[Modality] = config.modalities
    if owner is not None:
        seen, model = owned(model, owner), own_state(model, owner)
        if part == "validation":
            judges = [member for member in judges if member.name == owner]
    parts = _answering_parts(config)
    packed: dict[tuple[str, ...], Content] = {}
    offering: set[tuple[str, ...]] = set()
    for member in longest_first(judges):
        card = member.card
        modules = used_modules(parts, [m for m in seen if m in card.modalities])
        if modules not in packed:
            state = take(model, modules)
            offered = _offered(bank, modules) if part == "held_out" else {}
            task = protocol.EvaluateTask(part, config.evaluation.conditions, state, offered)
            packed[modules] = protocol.pack_evaluate_task(task)
            offering |= {modules} if offered else set()
        reader = _scores_reader(config, card, owner, modules in offering, part)
        yield Request(member, packed[modules], reader)


def _tasks(
    config: Config, algorithm: Algorithm, state: ServerState, step: Step, exchange: Exchange
) -> Iterator[tuple[Member, Task, Content]]:
    """Yield the task of each site that takes part in a round, packed; book those that do not."""
    drawn = sample_cohort(exchange.membership, step.round.number, config)
    for member in drawn.unavailable:
        exchange.fail(member.name, "not available this round", "unavailable")
    exchange.fail_absent("train")
    packed = _Payloads()
    for member in longest_first(drawn.asked):
        task = algorithm.broadcast(state, step, member.card)
        content = packed.of(task)
        if member in drawn.dropped:
            exchange.fail(member.name, "dropped out of the round", "dropped")
        yield member, task, content


class _Payloads:
    """Packs tasks; those made of the same arrays share one payload."""

    def __init__(self) -> None:
        self._packed: dict[tuple[Any, ...], tuple[Task, Content]] = {}

    def of(self, task: Task) -> Content:
        arrays = tuple(map(id, task.parameters.values()))
        further: tuple[int, ...] = ()
        if isinstance(task, TrainTask):
            sent = (*task.bank.values(), *task.correction.values(), *task.anchors.values())
            further = tuple(map(id, sent))
        key = (arrays, further)
        if key not in self._packed:  # the task is kept, so that no id is given twice
            self._packed[key] = task, _pack(task)
        return self._packed[key][1]


def _pack(task: Task) -> Content:
    if isinstance(task, StatisticsTask):
        return protocol.pack_parameters(task.parameters)
    return protocol.pack_train_task(task)


def _update_reader(
    config: Config,
    model: State,
    sent: State,
    modules: Mapping[str, int],
    keys: Sequence[str],
    card: SiteCard,
) -> Callable[[Content], Update]:
    asked = list(take(model, modules).values())
    variates = config.method.keeps_variates
    limit = protocol.update_bytes(asked * (1 + variates))

    def read(content: Content) -> Update:
        protocol.check_size(content, limit)
        update = protocol.unpack_update(content)
        if config.server.updates == "float16":
            protocol.check_halved(update.parameters)
            update = replace(update, parameters=restored(update.parameters, sent))
        protocol.check_update(update, model, modules, keys, card, variates)
        return update

    return read


def _statistics_reader(
    config: Config, widths: Mapping[Modality, int], card: SiteCard
) -> Callable[[Content], Statistics]:
    classes, clusters = len(config.task.classes), config.method.clusters
    pairs = config.method.asks_for_pairs
    limit = protocol.statistics_bytes(classes, clusters, widths.values(), pairs)

    def read(content: Content) -> Statistics:
        protocol.check_size(content, limit)
        statistics = protocol.unpack_statistics(content, pairs)
        protocol.check_statistics(statistics, widths, card, classes, clusters)
        return statistics

    return read


def _sums_reader(
    config: Config, widths: Mapping[Modality, int], card: SiteCard
) -> Callable[[Content], Sums]:
    classes = len(config.task.classes)
    cross, noised = config.method.solves_joint, config.privacy.epsilon is not None
    limit = protocol.sums_bytes(classes, [widths[m] for m in card.modalities], cross)

    def read(content: Content) -> Sums:
        protocol.check_size(content, limit)
        return protocol.unpack_sums(content, widths, card, classes, cross, noised)

    return read


def _scores_reader(
    config: Config, card: SiteCard, owner: str | None, offered: bool, part: protocol.Split
) -> Callable[[Content], Scores]:
    classes, conditions = len(config.task.classes), config.evaluation.conditions
    columns = config.evaluation.subgroups if part == "held_out" else ()
    adapts = offered and config.evaluation.onboarding is not None
    limit = protocol.scores_bytes(card.total, classes, len(columns))

    def read(content: Content) -> Scores:
        protocol.check_size(content, limit)
        scores = replace(protocol.unpack_scores(content), model=owner)
        protocol.check_scores(scores, card, classes, conditions, adapts, offered, columns)
        return scores

    return read


def _offered(bank: Bank, modules: Sequence[str]) -> Bank:
    """Return the prototypes of what a site looks at; a frozen encoder has no weights to be sent."""
    return {m: bank[m] for m in MODALITIES if m in bank and ENCODER[m] in modules}


def _answering_parts(config: Config) -> list[str]:
    method = config.method
    heads = method.predict != "fusion" or method.corrects_experts
    return ["heads"] * heads + ["fusion"] * (method.predict != "experts")
