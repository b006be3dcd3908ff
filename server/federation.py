"""The loop of a federation: rounds from the first, or from a saved state, to the last."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fed import protocol
from fed.config import Config
from fed.config.clock import STATISTICS
from fed.engines import Grid
from fed.errors import RunError
from fed.metrics import measured
from fed.own_models import owners
from fed.protocol import Bank, Scores
from fed.results import RoundRecord
from fed.schedule import Round, schedule
from server.alarm import Movement, alarms
from server.algorithm import Algorithm, Asks, Step, StepRecord, Updates
from server.budget import Budget
from server.clock import VirtualClock
from server.connections import Connections
from server.evaluation import metric_table
from server.exchange import Exchange
from server.final_scores import FinalScores
from server.ledger import Ledger
from server.membership import Membership
from server.modular import collect_statistics, modular
from server.observers import Observer
from server.participation import round_seconds, site_records
from server.requests import score_requests, statistics_requests, sums_requests, training_requests
from server.state import ServerState

KINDS: Mapping[Asks, str] = {
    "statistics": protocol.STATISTICS,
    "sums": protocol.SUMS,
    "train": protocol.TRAIN,
}
"""What each exchange is called in messages."""
Save = Callable[[ServerState, Ledger, RoundRecord], None]
"""Called after each round with all that is needed to go on from there, and the round's record."""


@dataclass
class Federation:
    """The sites as the loop reaches them.

    Attributes
    ----------
    config : Config
    connections : Connections
        Asked before each round who is connected.
    grid : Grid
    ledger : Ledger
    observers : sequence of Observer
    """

    config: Config
    connections: Connections
    grid: Grid
    ledger: Ledger
    observers: Sequence[Observer] = ()

    def run(
        self,
        algorithm: Algorithm,
        state: ServerState,
        save: Save,
        stops: Callable[[], bool] = lambda: False,
    ) -> tuple[ServerState, FinalScores | None]:
        """Run the rounds that are left, saving after each; return the last state and its scores.

        There are none where no round was left, or where training stopped before the last.

        Parameters
        ----------
        algorithm : Algorithm
        state : ServerState
        save : callable
        stops : callable
            Asked before each round whether training is over.

        Raises
        ------
        RunError
            If fewer than ``server.min_sites`` sites answer a round.
        """
        scores = None
        rounds = schedule(self.config)
        for plan in rounds[state.completed :]:
            if stops():
                return state, None
            start = time.perf_counter()
            state, record = self._train(algorithm, state, plan)
            record = self._spend(record, record.phase, start)
            if plan.evaluate and self.config.evaluation.conditions:
                start = time.perf_counter()
                scores = self.judge(state, last=plan is rounds[-1])
                record = self._spend(self._scored(record, scores), "evaluation", start)
            save(state, self.ledger, record)
            for observer in self.observers:
                observer.round_ended(record)
        return state, scores

    def judge(self, state: ServerState, last: bool = True) -> FinalScores:
        """Have the held-out sites, and the validation splits if any, score the model.

        Parameters
        ----------
        state : ServerState
        last : bool
            Whether it is the model that the run ends with. Then held-out sites also tell how far
            their cases lie from the prototypes of the bank, and adapt the model if they are to
            onboard.
        """
        if not self.config.evaluation.conditions:
            return FinalScores()
        bank = self._final_bank(state) if last else {}
        splits = self.config.evaluation.validation > 0
        return FinalScores(
            self._scores(state, "held_out", bank),
            self._scores(state, "validation", {}) if splits else [],
        )

    def _train(
        self, algorithm: Algorithm, state: ServerState, plan: Round
    ) -> tuple[ServerState, RoundRecord]:
        """Run the exchanges of one round; return the state and the record of the round."""
        membership = self.connections.now()
        exchanges = []
        told = StepRecord()
        asked = self._asked(plan)
        for step in (Step(plan, asks) for asks in asked):
            exchange = self._exchange(plan, step.asks, membership)
            self._require_budget(exchange)
            state, told = algorithm.aggregate(
                state, step, self._updates(algorithm, state, step, exchange)
            )
            self._book(exchange)
            self.ledger.warn(told.warnings)
            self.ledger.transport += told.transport
            exchanges.append(exchange)
        self._require_enough(plan, exchanges[-1])
        return state, self._record(plan, membership, exchanges, told)

    def _asked(self, plan: Round) -> tuple[Asks, ...]:
        """Return the exchanges that a round consists of."""
        if self.config.method.phases[plan.phase].solve is not None:
            return ("sums",)
        return ("statistics", "train") if plan.refreshes_bank else ("train",)

    def _updates(
        self, algorithm: Algorithm, state: ServerState, step: Step, exchange: Exchange
    ) -> Updates:
        """Yield the checked answers of the sites as they arrive."""
        if step.asks == "statistics":
            return exchange.answers(
                statistics_requests(self.config, algorithm, state, step, exchange)
            )
        for observer in self.observers:
            observer.round_begins(step.round, len(exchange.membership.with_role("train")))
        if step.asks == "sums":
            return exchange.answers(sums_requests(self.config, algorithm, state, step, exchange))
        return exchange.answers(training_requests(self.config, algorithm, state, step, exchange))

    def _require_budget(self, exchange: Exchange) -> None:
        training = exchange.membership.with_role("train")
        self._budget.require(exchange.number, exchange.work, (member.card for member in training))

    @property
    def _budget(self) -> Budget:
        return Budget(self.config, self.ledger)

    def _exchange(self, plan: Round, asks: Asks, membership: Membership) -> Exchange:
        work = STATISTICS if asks == "statistics" else self.config.method.phases[plan.phase].name
        kind = KINDS[asks]
        deadline_s = self.config.server.deadline_s
        return Exchange(
            plan.number, kind, work, self.grid, membership, self.observers, self._clock, deadline_s
        )

    @property
    def _clock(self) -> VirtualClock | None:
        seconds_per_case = self.ledger.seconds_per_case
        return (
            VirtualClock(seconds_per_case, self.config.clock.deadline_s)
            if seconds_per_case and self.config.clock
            else None
        )

    def _require_enough(self, plan: Round, exchange: Exchange) -> None:
        least = self.config.server.min_sites
        if len(exchange.answered) < least:
            raise RunError(
                f"round {plan.number}: {len(exchange.answered)} sites answered, "
                f"server.min_sites asks for {least}"
                + "".join(f"\n  {f.site}: {f.headline}" for f in exchange.failures)
            )

    def _record(
        self, plan: Round, membership: Membership, exchanges: Sequence[Exchange], told: StepRecord
    ) -> RoundRecord:
        """Return the record of the round, not yet scored."""
        virtual = round_seconds(exchanges, self._clock)
        self.ledger.virtual_seconds += virtual or 0.0
        moved = Movement(plan.phase, told.movement)
        alarmed = alarms(moved, self.ledger.movements)
        self.ledger.movements.append(moved)
        self.ledger.warn(f"round {plan.number}: {words}" for words in alarmed)
        return RoundRecord.model_validate(
            {
                "round": plan.number,
                "phase": self.config.method.phases[plan.phase].name,
                "lr": plan.lr,
                "participants": told.answered,
                "failures": [f.record() for e in exchanges for f in e.failures],
                "losses": told.losses,
                "epsilon": self._epsilon(membership),
                "reductions": told.reductions,
                "bounded": told.bounded,
                "movement": told.movement,
                "alarms": alarmed,
                "down_bytes": sum(e.traffic.total_down for e in exchanges),
                "up_bytes": sum(e.traffic.total_up for e in exchanges),
                "sites": site_records(membership, exchanges, told.seconds),
                "seconds": 0.0,
                "virtual_seconds": virtual,
            }
        )

    def _epsilon(self, membership: Membership) -> dict[str, float]:
        spent = self._budget.spent(member.card for member in membership.with_role("train"))
        return {site: found.epsilon for site, found in spent.items()}

    def _scored(self, record: RoundRecord, scores: FinalScores) -> RoundRecord:
        tables = {
            "held_out": self._values(scores.held_out),
            "validation": self._values(scores.validation),
        }
        return RoundRecord.model_validate(record.model_dump() | tables)

    def _spend(self, record: RoundRecord, phase: str, start: float) -> RoundRecord:
        seconds = time.perf_counter() - start
        self.ledger.spend(phase, seconds)
        return record.model_copy(update={"seconds": record.seconds + seconds})

    def _final_bank(self, state: ServerState) -> Bank:
        """Return the bank for held-out sites; a method that keeps none asks for it to onboard."""
        rounds, method = schedule(self.config), self.config.method
        if self.config.evaluation.onboarding is None:
            return state.bank if method.keeps_final_bank else {}
        if owners(state.model):
            words = f"onboarding: {method.name} has no common model, so no bank; unadapted"
            self.ledger.warn([words])
            return {}
        if method.keeps_final_bank:
            return state.bank
        if self.config.judge is not None:
            words = "onboarding: the model comes without a bank, and nobody trains; unadapted"
            self.ledger.warn([words])
            return {}
        exchange = self._exchange(rounds[-1], "statistics", self.connections.now())
        step = Step(rounds[-1], "statistics")
        self._require_budget(exchange)
        answers = exchange.answers(
            statistics_requests(self.config, modular(self.config), state, step, exchange)
        )
        merged, told = collect_statistics(self.config, state.completed, answers)
        self._book(exchange)
        self.ledger.warn(told.warnings)
        return merged.bank

    def _scores(self, state: ServerState, part: protocol.Split, bank: Bank) -> list[Scores]:
        """Have the global model scored, or one after the other the sites' own models."""
        found: list[Scores] = []
        whose: list[str | None] = [*owners(state.model)] or [None]
        for owner in whose:
            exchange = Exchange(
                state.completed,
                protocol.EVALUATE,
                "",
                self.grid,
                self.connections.now(),
                self.observers,
                deadline_s=self.config.server.deadline_s,
            )
            requests = score_requests(self.config, state.model, part, owner, bank, exchange)
            found += [scores for _, scores in exchange.answers(requests)]
            self._book(exchange)
        return found

    def _book(self, exchange: Exchange) -> None:
        """Book the traffic and failures of an exchange that has ended."""
        self.ledger.traffic.add(exchange.traffic)
        if exchange.work:
            self._budget.count(exchange.work, exchange.traffic.down)
        number = {"round": exchange.number}
        self.ledger.failures += [number | failure.record() for failure in exchange.failures]

    def _values(self, scores: Sequence[Scores]) -> dict[str, Any] | None:
        if not scores:
            return None
        config = self.config
        conditions, metrics = config.evaluation.conditions, measured(config.evaluation)
        return metric_table(scores, conditions, 0, config.seed, "rounds", metrics)
