"""A Flower strategy for sites that own different modalities."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from logging import getLogger

from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Strategy

from fed import protocol
from fed.config import Config, Phase
from fed.config.clock import STATISTICS
from fed.protocol import Bank, Scores, Update
from fed.sites import MODALITIES, Modality, Role, SiteCard
from fed.states import State, restored
from model.parts import ENCODER, trained_modules, used_modules
from model.rima import modules_of
from server.aggregation import ModuleAverage, UnusableUpdateError
from server.apart import Apart, own_state, owned
from server.bank import BankBuilder
from server.clock import VirtualClock
from server.exchange import Exchange
from server.observers import Failure, Observer, Outcome
from server.optimizers import ServerOptimizer
from server.roster import Member, Participation, Roster, longest_first, participation
from server.schedule import Round, schedule
from server.slices import Slice, least_update_bytes, take, train_slice

log = getLogger(__name__)


class IncompleteModalities(Strategy):
    """Sends each site the modules it can use, averages each over those that trained it.

    Parameters
    ----------
    config : Config
    roster : Roster
    observers : sequence of Observer
        Told of every answer and failure as it arrives.

    Attributes
    ----------
    roster : Roster
        Who can be asked; whoever runs the rounds may replace it between two of them.
    bank : Bank
        Prototypes that sites without a modality train against; whoever runs the rounds sets it.
    optimizer : ServerOptimizer
        Moves the model by the average; whoever runs the rounds sets it.
    offered : Bank
        Prototypes that held-out sites adapt the model with; whoever runs the rounds sets it.
    clock : VirtualClock or None
        Times the sites and finds who is late; whoever runs the rounds sets it.
    exchange : Exchange
        The record of the exchange under way or last ended.
    """

    def __init__(self, config: Config, roster: Roster, observers: Sequence[Observer] = ()) -> None:
        self._config = config
        self.roster = roster
        self._observers = observers
        self._schedule = schedule(config)
        self._current: State = {}
        self._part: protocol.Part = "held_out"
        self._owner: str | None = None
        self.optimizer = ServerOptimizer(config.server_step)
        self.bank: Bank = {}
        self.offered: Bank = {}
        self.clock: VirtualClock | None = None
        self.exchange = Exchange()
        self.participation = Participation((), (), ())

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterator[Message]:
        """Send the round to its participants; like sites share one payload."""
        self._begin(arrays)
        self.participation = participation(self.roster, server_round, self._config)
        for member in self.participation.unavailable:
            self._fail(member.name, "not available this round", "unavailable")
        self._fail_absent("train")
        return self._train_messages(self._schedule[server_round - 1])

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Average the updates as they arrive, and move the model by the average."""
        average = self._average()
        owners = {m.name: len(m.card.modalities) == 2 for m in self.roster.members}
        phase = self._phase(server_round).name
        for site, content in self._answers(replies):
            update = protocol.unpack_update(content)
            if self._is_late(site, phase):
                continue
            if self._config.server.updates == "float16":
                parameters = restored(update.parameters, self._current)
                update = replace(update, parameters=parameters)
            try:
                average.add(update, owners[site])
            except UnusableUpdateError as error:
                self._fail(site, f"its update was refused: it {error}")
                continue
            self._note(update)
        moved = self.optimizer.move(self._current, average.result(), average.trained)
        return protocol.pack_state(moved), self._mean_losses()

    def configure_statistics(self, server_round: int, arrays: ArrayRecord) -> Iterator[Message]:
        """Ask the training sites in reach for class statistics under the global encoders."""
        self._begin(arrays)
        away = participation(self.roster, server_round, self._config).unavailable
        return self._messages(
            [m for m in self.roster.with_role("train") if m not in away],
            protocol.STATISTICS,
            lambda card: trained_modules(["encoders"], card.modalities),
            protocol.pack_parameters,
        )

    def aggregate_statistics(self, replies: Iterable[Message]) -> Bank:
        """Merge the sites' clusters to a bank."""
        builder = BankBuilder(self._config.method.prototypes, self._config.seed)
        for site, content in self._answers(replies):
            if self._is_late(site, STATISTICS):
                continue
            builder.add(protocol.unpack_bank(content))
            self.exchange.answered.append(site)
        return builder.result()

    def judge(self, part: protocol.Part, owner: str | None = None) -> None:
        """Choose who scores the model next: held-out sites or validation splits.

        Where sites keep their own models (`server.apart`), `owner` says whose is scored: by all
        held-out sites, or on the owner's own validation split.
        """
        self._part, self._owner = part, owner

    def configure_evaluate(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterator[Message]:
        """Ask for scores under every condition."""
        self._begin(arrays)
        part, conditions = self._part, self._config.evaluation.conditions
        role: Role = "held_out" if part == "held_out" else "train"
        self._fail_absent(role)
        judges = self.roster.with_role(role)
        seen: Sequence[Modality] = MODALITIES
        if self._owner is not None:
            seen = owned(self._current, self._owner)
            self._current = own_state(self._current, self._owner)
            if part == "validation":
                judges = tuple(m for m in judges if m.name == self._owner)
        parts = self._answering_parts()
        return self._messages(
            judges,
            protocol.EVALUATE,
            lambda card: used_modules(parts, [m for m in seen if m in card.modalities]),
            lambda state: protocol.pack_evaluate_task(
                protocol.EvaluateTask(part, conditions, state, self._offer(part, state))
            ),
        )

    def collect_scores(self, replies: Iterable[Message]) -> list[Scores]:
        """Return the scores of the sites that answered."""
        scores = []
        for site, content in self._answers(replies):
            scores.append(replace(protocol.unpack_scores(content), model=self._owner))
            self.exchange.answered.append(site)
        return scores

    def aggregate_evaluate(
        self, server_round: int, replies: Iterable[Message]
    ) -> MetricRecord | None:
        """Return how many cases were scored; metrics over all sites need `collect_scores`."""
        return MetricRecord({"cases": sum(len(s.labels) for s in self.collect_scores(replies))})

    def summary(self) -> None:
        """Log what is about to run."""
        method = self._config.method
        log.info("%s: %s; %d rounds", method.name, method.summary, len(self._schedule))

    def _phase(self, number: int) -> Phase:
        return self._config.method.phases[self._schedule[number - 1].phase]

    def _begin(self, arrays: ArrayRecord) -> None:
        """Open an exchange; messages are then made one by one, as the grid takes them."""
        self.exchange = Exchange()
        self._cards = {member.name: member.card for member in self.roster.members}
        self._current = protocol.unpack_state(arrays)

    def _average(self) -> ModuleAverage | Apart:
        combine = self._config.method.combine
        if combine.scheme == "none":
            return Apart(self._current)
        return ModuleAverage(self._current, combine.both_share)

    def _train_messages(self, plan: Round) -> Iterator[Message]:
        method, phase = self._config.method, self._phase(plan.number)
        payloads: dict[Slice, RecordDict] = {}
        for member in longest_first(self.participation.asked):
            slice_ = train_slice(method, phase, member.card, self.bank)
            if slice_ not in payloads:
                payloads[slice_] = self._train_payload(plan, slice_)
            message = self._message(member, payloads[slice_], protocol.TRAIN, plan.number)
            if member in self.participation.dropped:
                self._fail(member.name, "dropped out of the round", "dropped")
                continue
            least = least_update_bytes(self._config, phase, member.card, self._current)
            if not self._is_late(member.name, phase.name, least):
                yield message

    def _messages(
        self,
        members: Iterable[Member],
        message_type: str,
        modules_for: Callable[[SiteCard], tuple[str, ...]],
        pack: Callable[[State], RecordDict],
    ) -> Iterator[Message]:
        """Send each member the modules it can use; like members share one payload."""
        payloads: dict[tuple[str, ...], RecordDict] = {}
        for member in longest_first(members):
            modules = modules_for(member.card)
            if modules not in payloads:
                payloads[modules] = pack(take(self._current, modules))
            yield self._message(member, payloads[modules], message_type, 0)

    def _message(
        self, member: Member, content: RecordDict, message_type: str, number: int
    ) -> Message:
        self.exchange.traffic.down[member.name] += protocol.size(content)
        return Message(content, member.node_id, message_type, group_id=str(number))

    def _answers(self, replies: Iterable[Message]) -> Iterator[tuple[str, RecordDict]]:
        """Yield site and content of each good reply; show each failure at once."""
        for reply in replies:
            site = self.roster.name(reply.metadata.src_node_id)
            if reply.has_error():
                self._fail(site, reply.error.reason or f"error {reply.error.code}")
                continue
            self.exchange.traffic.up[site] += protocol.size(reply.content)
            yield site, reply.content
            for observer in self._observers:
                observer.answered(site)

    def _is_late(self, site: str, work: str, least: int | None = None) -> bool:
        """Time a site, and refuse what it does if that is too late.

        Parameters
        ----------
        least : int, optional
            Bytes that its answer has at least, where it has not answered. So a straggler need not
            be run to be left out, and one that is slow by its last byte is found when it answers.
        """
        if self.clock is None:
            return False
        traffic = self.exchange.traffic
        up = traffic.up[site] if least is None else least
        timing = self.clock.timing(self._cards[site], work, traffic.down[site], up)
        self.exchange.timings[site] = timing
        reason = self.clock.lateness(timing)
        if reason is not None:
            self._fail(site, reason, "late")
        return reason is not None

    def _fail(self, site: str, reason: str, outcome: Outcome = "failed") -> None:
        failure = Failure(site, reason, outcome)
        self.exchange.failures.append(failure)
        for observer in self._observers:
            observer.failed(failure)

    def _fail_absent(self, role: Role) -> None:
        for site in self.roster.absent:
            if site.role == role:
                self._fail(site.name, "not connected", "absent")

    def _note(self, update: Update) -> None:
        self.exchange.answered.append(update.site)
        self.exchange.losses[update.site] = dict(update.losses)
        self.exchange.compute[update.site] = update.seconds
        self.exchange.transport += update.transport

    def _mean_losses(self) -> MetricRecord:
        names = sorted({name for losses in self.exchange.losses.values() for name in losses})
        means: dict[str, int | float | list[int] | list[float]] = {}
        for name in names:
            values = [losses[name] for losses in self.exchange.losses.values() if name in losses]
            means[name] = sum(values) / len(values)
        return MetricRecord(means)

    def _train_payload(self, plan: Round, slice_: Slice) -> RecordDict:
        bank = {modality: self.bank[modality] for modality in slice_.banks}
        state = self._current if slice_.owner is None else own_state(self._current, slice_.owner)
        return protocol.pack_train_task(
            protocol.TrainTask(plan.number, plan.phase, plan.lr, take(state, slice_.modules), bank)
        )

    def _offer(self, part: protocol.Part, state: State) -> Bank:
        """Return the prototypes that go with the encoders in `state`, for held-out sites."""
        sent = modules_of(state) if part == "held_out" else {}
        return {m: self.offered[m] for m in MODALITIES if m in self.offered and ENCODER[m] in sent}

    def _answering_parts(self) -> list[str]:
        method = self._config.method
        heads = method.predict != "fusion" or method.corrects_experts
        return ["heads"] * heads + ["fusion"] * (method.predict != "experts")
