"""The outputs of a run: a line a round as it ends, and everything else when it is over."""

import json
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

import fed
from fed.config import Config, dump
from fed.confounds import confounds
from fed.data.cases import CaseSource
from fed.data.origin import pseudo_sites
from fed.errors import DataError
from fed.metrics import measured
from fed.paths import paths_of, without_folders
from fed.prototypes import bank_tensors
from fed.results import (
    BANK,
    CONFIGURATION,
    ONBOARDING,
    PREDICTIONS,
    SUBGROUPS,
    WEIGHTS,
    Communication,
    Failure,
    HeldOut,
    Kept,
    ModelFile,
    PrivacySpent,
    Results,
    RoundRecord,
    SiteTraffic,
    Task,
    Time,
    Transport,
    Validation,
    add_round,
    read_rounds,
    write_model_file,
    write_predictions,
    write_results,
    write_rounds,
)
from fed.schedule import schedule
from fed.sites import SiteCard
from fed.storage import write_tensors, write_text
from server.best import Best, best_round, out_of_patience
from server.budget import Budget
from server.checkpoint import (
    BEST,
    load_best,
    load_checkpoint,
    save_best,
    save_checkpoint,
    seconds_record,
)
from server.evaluation import (
    check_metrics,
    counts_of,
    distance_quantiles,
    metric_table,
    operating_points,
    prediction_columns,
    prediction_rows,
    tables_by_model,
    tables_of,
)
from server.final_scores import FinalScores
from server.judged import judged_run
from server.judgement import groups_of, judgements
from server.ledger import Ledger
from server.membership import Membership
from server.onboarding import onboarding_results, onboarding_rows
from server.participation import outcome_counts, time_by_group, to_accuracy
from server.state import ServerState

CHECKPOINTS = "checkpoints"
PACKAGES = ("flwr", "torch", "numpy", "scikit-learn", "ray")


class Recorder:
    """Writes the folder of one run.

    Parameters
    ----------
    directory : Path
        Created if absent.
    config : Config
    source : CaseSource, optional
        Whose account of what was read, and whose warnings, go into the results.
    engine : str, optional
        What runs the sites, where it is not an engine that the configuration names.
    spacing_s : float
        Seconds from one checkpoint to the next: rounds shorter than that are cheaper to train again
        than to write. The last round always has one.

    Raises
    ------
    ConfigError
        If the configuration names a metric that there is not.
    """

    def __init__(
        self,
        directory: Path,
        config: Config,
        engine: str | None = None,
        source: CaseSource | None = None,
        spacing_s: float = 0.0,
    ) -> None:
        check_metrics(config)
        self._spacing_s, self._saved = spacing_s, time.monotonic()
        self._directory = directory
        self._config = config
        self._engine = engine or config.engine.name
        self._accounts = tuple(account.words for account in source.accounts) if source else ()
        self._cautions = tuple(source.warnings) if source else ()
        directory.mkdir(parents=True, exist_ok=True)
        write_text(directory / CONFIGURATION, dump(config))

    def resume(self) -> tuple[ServerState, Ledger] | None:
        """Return state and ledger of an interrupted run, and drop the lines of unfinished rounds.

        Raises
        ------
        DataError
            If the checkpoint is damaged or of another run, or lines of its rounds are missing.
        """
        found = load_checkpoint(self._directory / CHECKPOINTS, self._config)
        completed = found[0].completed if found else 0
        kept = [line for line in read_rounds(self._directory) if line.round <= completed]
        if [line.round for line in kept] != [*range(1, completed + 1)]:
            raise DataError(
                f"{self._directory / 'rounds.jsonl'}: does not hold a line for each of the "
                f"{completed} rounds of the checkpoint"
            )
        write_rounds(self._directory, kept)
        return found

    def take_over(self, folder: Path) -> None:
        """Take over the lines of the rounds that another run has trained."""
        write_rounds(self._directory, read_rounds(folder))

    def __call__(self, state: ServerState, ledger: Ledger, record: RoundRecord) -> None:
        """Save a round: its line first, then the checkpoint, if one is due."""
        add_round(self._directory, record)
        best = self._best()
        if best is not None and best.round == record.round:
            save_best(self._directory / CHECKPOINTS, state, ledger, self._config)
        last = state.completed == len(schedule(self._config))
        if last or time.monotonic() - self._saved >= self._spacing_s:
            save_checkpoint(self._directory / CHECKPOINTS, state, ledger, self._config)
            self._saved = time.monotonic()

    def kept(self, state: ServerState) -> ServerState:
        """Return the state that the run is to end with, given the last: that one, or the best.

        Raises
        ------
        DataError
            If the best one cannot be read.
        """
        best = self._best()
        if best is None or best.round == state.completed:
            return state
        found = load_best(self._directory / CHECKPOINTS, self._config)
        if found is None or found[0].completed != best.round:
            raise DataError(
                f"{self._directory / CHECKPOINTS / BEST}: is not of round {best.round}, the best"
            )
        return replace(found[0], completed=state.completed)

    def stops(self) -> bool:
        """Return whether training is to stop before its last round, for want of a better one."""
        if self._config.evaluation.patience is None:
            return False
        return out_of_patience(read_rounds(self._directory), self._config)

    def _best(self) -> Best | None:
        """Return the best round so far; None if the last is to be kept."""
        if self._config.evaluation.keep == "last":
            return None
        return best_round(read_rounds(self._directory), self._config)

    def finish(
        self,
        membership: Membership,
        state: ServerState,
        ledger: Ledger,
        scores: FinalScores,
        seconds: float,
    ) -> Results:
        """Write predictions, model and results; return the results."""
        self._write_scores(scores)
        self._write_model(state, scores)
        results = self._results(membership, state, ledger, scores, seconds)
        write_results(self._directory, results)
        return results

    def _write_scores(self, scores: FinalScores) -> None:
        """Write ``predictions.csv`` and, if the sites were to adapt the model, ``onboarding.csv``."""
        columns = prediction_columns(scores.held_out, len(self._config.task.classes))
        rows = prediction_rows(scores.held_out, self._config.evaluation.conditions)
        write_predictions(self._directory / PREDICTIONS, columns, rows)
        if self._config.evaluation.onboarding is not None:
            rows = onboarding_rows(scores.held_out, self._config)
            write_predictions(self._directory / ONBOARDING, ["procedure", *columns], rows)
        if self._config.evaluation.subgroups:
            groups = groups_of(scores.held_out, self._config)
            write_predictions(
                self._directory / SUBGROUPS, list(groups.columns), groups.to_numpy().tolist()
            )

    def _write_model(self, state: ServerState, scores: FinalScores) -> None:
        write_tensors(self._directory / WEIGHTS, dict(state.model) | bank_tensors(state.bank, BANK))
        config = self._config
        write_model_file(
            self._directory,
            ModelFile(
                scale=config.model.scale,
                classes=config.task.classes,
                image_size=config.data.image_size,
                volume_size=config.data.volume_size,
                method=json.loads(config.method.model_dump_json()),
                distances=distance_quantiles(scores.held_out),
            ),
        )

    def _results(
        self,
        membership: Membership,
        state: ServerState,
        ledger: Ledger,
        scores: FinalScores,
        seconds: float,
    ) -> Results:
        config = self._config
        evaluation = config.evaluation
        cards = [member.card for member in membership.members]
        rounds = read_rounds(self._directory)
        clocked = ledger.seconds_per_case is not None
        traffic = ledger.traffic
        return Results(
            name=config.name,
            method=config.method.name,
            arrangement=config.method.arrangement,
            seed=config.seed,
            engine=self._engine,
            versions=_versions(),
            task=Task(classes=config.task.classes),
            rounds_completed=0 if config.judge else state.completed,
            judged=judged_run(config.judge) if config.judge else None,
            kept=self._kept(state.completed),
            headline=evaluation.headline,
            tables=evaluation.tables,
            held_out=self._held_out(scores),
            operating_point=operating_points(scores.held_out, scores.validation, config),
            onboarding=onboarding_results(scores.held_out, config),
            validation=self._validation(scores),
            **judgements(scores, cards, config),
            sites=tuple(cards),
            communication=Communication(
                down_bytes=traffic.total_down,
                up_bytes=traffic.total_up,
                sites={
                    card.name: SiteTraffic(
                        down_bytes=traffic.down[card.name], up_bytes=traffic.up[card.name]
                    )
                    for card in cards
                },
            ),
            time=Time(
                wall=ledger.wall | {Time.TOTAL: seconds},
                virtual_seconds=ledger.virtual_seconds if clocked else None,
                virtual_by_group=time_by_group(rounds, cards) if clocked else None,
                seconds_per_case=seconds_record(ledger.seconds_per_case),
            ),
            participation=outcome_counts(rounds, cards),
            to_accuracy=to_accuracy(rounds, cards, evaluation.headline),
            failures=tuple(
                Failure(**failure | {"reason": self._told(failure["reason"])})
                for failure in ledger.failures
            ),
            accounts=tuple(map(self._told, self._accounts)),
            warnings=tuple(map(self._told, self._warnings(ledger))),
            confounds=confounds(cards, config.seed).warnings,
            transport=Transport(**asdict(ledger.transport)),
            privacy=self._privacy(cards, ledger),
        )

    def _privacy(self, cards: Sequence[SiteCard], ledger: Ledger) -> PrivacySpent | None:
        asked = self._config.privacy
        if asked.epsilon is None:
            return None
        return PrivacySpent(
            epsilon=asked.epsilon,
            delta=asked.delta,
            clip=asked.clip,
            sites=Budget(self._config, ledger).spent(c for c in cards if c.role == "train"),
        )

    def _kept(self, completed: int) -> Kept | None:
        best = self._best()
        if best is None:
            return None
        early = completed < len(schedule(self._config))
        patience = self._config.evaluation.patience if early else None
        return Kept(round=best.round, validation=best.value, patience=patience)

    def _held_out(self, scores: FinalScores) -> HeldOut:
        pooled, sites = tables_of(scores.held_out, self._config)
        conditions = self._config.evaluation.conditions
        counts = counts_of(scores.held_out, conditions, len(self._config.task.classes))
        models = tables_by_model(scores.held_out, self._config)
        return HeldOut.model_validate(
            {"pooled": pooled, "sites": sites, "counts": counts, "models": models}
        )

    def _validation(self, scores: FinalScores) -> Validation | None:
        if not scores.validation:
            return None
        conditions, metrics = self._config.evaluation.conditions, measured(self._config.evaluation)
        pooled = metric_table(scores.validation, conditions, 0, self._config.seed, "v", metrics)
        return Validation.model_validate({"pooled": pooled})

    def _told(self, words: str) -> str:
        """Return words for those who get the results: no folder of this machine is in them."""
        return without_folders(words, paths_of(self._config))

    def _warnings(self, ledger: Ledger) -> list[str]:
        origin = pseudo_sites(self._config)
        return [*([origin] if origin else []), *self._cautions, *ledger.warnings]


def _versions() -> dict[str, str]:
    ours = {"fedrima": fed.__version__, "python": platform.python_version()}
    return ours | {package: version(package) for package in PACKAGES}
