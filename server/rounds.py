"""The rounds of a federation, from the first to the last or from a checkpoint on."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord
from flwr.serverapp import Grid

from fed import protocol
from fed.config import Config
from fed.config.clock import Pace
from fed.errors import RunError
from fed.protocol import Bank, Scores, TransportCount
from fed.states import State
from server.aggregation import mean_of
from server.apart import owners
from server.attendance import Attendance
from server.bank import missing_classes, transport_parameters
from server.clock import VirtualClock
from server.communication import Traffic
from server.evaluation import metric_table
from server.exchange import Exchange
from server.observers import Observer
from server.optimizers import ServerOptimizer
from server.participation import round_seconds, site_records
from server.schedule import Round, schedule
from server.strategy import IncompleteModalities


@dataclass
class Progress:
    """Everything that a run carries from round to round; a checkpoint holds exactly this.

    Attributes
    ----------
    model : State
        The global model.
    recent : deque of State
        Global models of the last rounds of the phase, for ``combine.average_last``.
    optimizer : ServerOptimizer
    bank : Bank
    completed : int
        Rounds completed.
    pace : Pace or None
        What the virtual clock counts with; without it there is no virtual time.
    """

    model: State
    recent: deque[State]
    optimizer: ServerOptimizer
    bank: Bank = field(default_factory=dict)
    completed: int = 0
    traffic: Traffic = field(default_factory=Traffic)
    transport: TransportCount = field(default_factory=TransportCount)
    wall: dict[str, float] = field(default_factory=dict)
    pace: Pace | None = None
    virtual_seconds: float = 0.0
    failures: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def spend(self, phase: str, seconds: float) -> None:
        """Count wall seconds under a phase."""
        self.wall[phase] = self.wall.get(phase, 0.0) + seconds

    def warn(self, words: str) -> None:
        """Keep a warning, once."""
        if words not in self.warnings:
            self.warnings.append(words)


@dataclass(frozen=True)
class Verdict:
    """Scores of the model at the end, by part."""

    held_out: list[Scores]
    validation: list[Scores]


Saver = Callable[[Progress, dict[str, Any]], None]
"""Called after each round with all that is needed to go on from there, and the round's record."""


class Rounds:
    """Runs the schedule of a method over a grid.

    Parameters
    ----------
    config : Config
    attendance : Attendance
        Asked before each round who is connected.
    grid : flwr.serverapp.Grid
    observers : sequence of Observer
    """

    def __init__(
        self, config: Config, attendance: Attendance, grid: Grid, observers: Sequence[Observer]
    ) -> None:
        self._config = config
        self._attendance = attendance
        self._grid = grid
        self._observers = observers
        self._strategy = IncompleteModalities(config, attendance.now(), observers)

    def run(
        self,
        progress: Progress,
        save: Saver,
        trained: Saver,
        unscored: dict[str, Any] | None = None,
    ) -> Verdict:
        """Run the rounds that are left, saving after each; return the final scores.

        Parameters
        ----------
        progress : Progress
        save : callable
            Called when a round is complete.
        trained : callable
            Called when a round has been trained and not yet scored.
        unscored : dict, optional
            The record of the last completed round, if it is still to be scored.

        Raises
        ------
        RunError
            If fewer than ``server.min_sites`` sites answer a round.
        """
        self._strategy.summary()
        if progress.pace is not None:
            self._strategy.clock = VirtualClock(progress.pace, self._config.clock.deadline_s)
        rounds = schedule(self._config)
        verdict = Verdict([], [])
        if unscored is not None:
            verdict = self._complete(rounds[progress.completed - 1], progress, unscored, save)
        for plan in rounds[progress.completed :]:
            record = self._round(plan, progress)
            trained(progress, record)
            verdict = self._complete(plan, progress, record, save)
        return verdict

    def judge(self, progress: Progress, number: int) -> Verdict:
        """Have the held-out sites, and the validation splits if any, score the model.

        At the end, held-out sites also adapt the model if they are to onboard.
        """
        self._strategy.offered = self._onboarding_bank(progress, number)
        held_out = self._scores(progress, number, "held_out")
        splits = self._config.evaluation.validation > 0
        validation = self._scores(progress, number, "validation") if splits else []
        return Verdict(held_out, validation)

    def _round(self, plan: Round, progress: Progress) -> dict[str, Any]:
        """Train one round; return its record, not yet scored."""
        start = time.perf_counter()
        phase = self._config.method.phases[plan.phase]
        self._strategy.roster = self._attendance.now()
        exchanges = [self._refresh_bank(plan, progress)] if self._needs_bank(plan) else []
        exchange = self._train(plan, progress)
        exchanges.append(exchange)
        self._average_phase(plan, progress)
        virtual = round_seconds(exchanges, self._strategy.clock)
        seconds = time.perf_counter() - start
        progress.spend(phase.name, seconds)
        progress.virtual_seconds += virtual or 0.0
        progress.completed = plan.number
        return {
            "round": plan.number,
            "phase": phase.name,
            "lr": plan.lr,
            "participants": exchange.answered,
            "failures": [f.record() for e in exchanges for f in e.failures],
            "losses": exchange.losses,
            "down_bytes": sum(e.traffic.total_down for e in exchanges),
            "up_bytes": sum(e.traffic.total_up for e in exchanges),
            "sites": site_records(self._strategy.roster, exchanges),
            "seconds": seconds,
            "virtual_seconds": virtual,
            "held_out": None,
            "validation": None,
        }

    def _complete(
        self, plan: Round, progress: Progress, record: dict[str, Any], save: Saver
    ) -> Verdict:
        """Score the model if the round is due, then save the round and tell the observers."""
        verdict = Verdict([], [])
        if plan.evaluate:
            start = time.perf_counter()
            verdict = self.judge(progress, plan.number)
            record["held_out"] = self._values(verdict.held_out)
            record["validation"] = self._values(verdict.validation)
            seconds = time.perf_counter() - start
            record["seconds"] += seconds
            progress.spend("evaluation", seconds)
        save(progress, record)
        for observer in self._observers:
            observer.round_ended(record)
        return verdict

    def _train(self, plan: Round, progress: Progress) -> Exchange:
        strategy = self._strategy
        strategy.bank, strategy.optimizer = progress.bank, progress.optimizer
        messages = strategy.configure_train(
            plan.number, protocol.pack_state(progress.model), ConfigRecord(), self._grid
        )
        for observer in self._observers:
            observer.round_begins(plan, len(self._strategy.roster.with_role("train")))
        replies = self._grid.send_and_receive(messages, timeout=self._config.server.deadline_s)
        arrays, _ = strategy.aggregate_train(plan.number, replies)
        exchange = self._settle(progress, plan.number)
        if len(exchange.answered) < self._config.server.min_sites:
            raise RunError(
                f"round {plan.number}: {len(exchange.answered)} sites answered, "
                f"server.min_sites asks for {self._config.server.min_sites}"
                + "".join(f"\n  {f.site}: {f.headline}" for f in exchange.failures)
            )
        progress.model = protocol.unpack_state(arrays or ArrayRecord())
        progress.transport += exchange.transport
        return exchange

    def _average_phase(self, plan: Round, progress: Progress) -> None:
        """Keep the last models of the phase; at its end the model is their mean."""
        if plan.first:
            progress.recent.clear()
        progress.recent.append(progress.model)
        if plan.last and len(progress.recent) > 1:
            progress.model = mean_of(progress.recent)

    def _needs_bank(self, plan: Round) -> bool:
        """Whether the bank is due: features change while encoders train, then stay."""
        method = self._config.method
        trains = method.phases[plan.phase].trains
        wanted = method.uses_bank and bool({"predictors", "fusion"} & set(trains))
        return wanted and (plan.first or "encoders" in trains)

    def _refresh_bank(self, plan: Round, progress: Progress) -> Exchange:
        exchange = self._collect_bank(progress, plan.number)
        buffers, warnings = transport_parameters(progress.bank, self._config.method.plan)
        for words in warnings:
            progress.warn(f"bank of round {plan.number}: {words}")
        progress.model = {**progress.model, **buffers}
        return exchange

    def _collect_bank(self, progress: Progress, number: int) -> Exchange:
        messages = self._strategy.configure_statistics(number, protocol.pack_state(progress.model))
        replies = self._grid.send_and_receive(messages, timeout=self._config.server.deadline_s)
        progress.bank = self._strategy.aggregate_statistics(replies)
        exchange = self._settle(progress, number)
        for words in missing_classes(progress.bank, self._config.task.classes):
            progress.warn(f"bank of round {number}: {words}")
        return exchange

    def _onboarding_bank(self, progress: Progress, number: int) -> Bank:
        """Return the bank that held-out sites adapt with; a method that keeps none asks for it."""
        if self._config.evaluation.onboarding is None or number < len(schedule(self._config)):
            return {}
        method = self._config.method
        if owners(progress.model):
            progress.warn(f"onboarding: {method.name} has no common model, so no bank; unadapted")
            return {}
        if not method.uses_bank or "encoders" in method.phases[-1].trains:
            self._collect_bank(progress, number)
        return progress.bank

    def _scores(self, progress: Progress, number: int, part: protocol.Part) -> list[Scores]:
        """Have the global model scored, or one after the other the sites' own models."""
        found: list[Scores] = []
        whose: list[str | None] = [*owners(progress.model)] or [None]
        for owner in whose:
            self._strategy.judge(part, owner)
            messages = self._strategy.configure_evaluate(
                number, protocol.pack_state(progress.model), ConfigRecord(), self._grid
            )
            replies = self._grid.send_and_receive(messages, timeout=self._config.server.deadline_s)
            found += self._strategy.collect_scores(replies)
            self._settle(progress, number)
        return found

    def _settle(self, progress: Progress, number: int) -> Exchange:
        """Book the traffic and failures of the exchange that has ended."""
        exchange = self._strategy.exchange
        progress.traffic.add(exchange.traffic)
        progress.failures += [{"round": number} | f.record() for f in exchange.failures]
        return exchange

    def _values(self, scores: Sequence[Scores]) -> dict[str, Any] | None:
        if not scores:
            return None
        return metric_table(
            scores, self._config.evaluation.conditions, 0, self._config.seed, "rounds"
        )


def first_progress(model: State, config: Config, pace: Pace | None = None) -> Progress:
    """Return the state before the first round."""
    copies = {key: np.array(value) for key, value in model.items()}
    return Progress(
        model=copies,
        recent=deque(maxlen=config.method.combine.average_last),
        optimizer=ServerOptimizer(config.server_step),
        pace=pace,
    )
