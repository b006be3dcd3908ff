"""The outputs of a run: a line a round as it ends, and everything else when it is over."""

import csv
import io
import json
import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import fed
from fed.config import Config, dump
from fed.confounds import confounds
from fed.data.origin import pseudo_sites
from fed.protocol import Scores
from fed.sites import SiteCard
from fed.storage import write_json, write_tensors, write_text
from server.checkpoint import bank_tensors, load_checkpoint, pace_record, save_checkpoint
from server.evaluation import metric_table, prediction_rows
from server.ledger import Ledger
from server.onboarding import onboarding_results, onboarding_rows
from server.participation import outcome_counts, time_by_group, to_accuracy
from server.roster import Roster
from server.state import ServerState
from server.verdict import Verdict

SCHEMA = 1
ROUNDS = "rounds.jsonl"
PACKAGES = ("flwr", "torch", "numpy", "scikit-learn", "ray")


class Recorder:
    """Writes the folder of one run.

    Parameters
    ----------
    directory : Path
        Created if absent.
    config : Config
    engine : str, optional
        What runs the sites, where it is not an engine that the configuration names.
    """

    def __init__(self, directory: Path, config: Config, engine: str | None = None) -> None:
        self._directory = directory
        self._config = config
        self._engine = engine or config.engine.name
        directory.mkdir(parents=True, exist_ok=True)
        write_text(directory / "config.yaml", dump(config))

    def resume(self) -> tuple[ServerState, Ledger] | None:
        """Return state and ledger of an interrupted run, and drop the lines of unfinished rounds."""
        found = load_checkpoint(self._directory / "checkpoints")
        completed = found[0].completed if found else 0
        kept = [line for line in self._lines() if _round_of(line) <= completed]
        write_text(self._rounds, "".join(f"{line}\n" for line in kept))
        return found

    def take_over(self, folder: Path) -> None:
        """Take over the lines of the rounds that another run has trained."""
        write_text(self._rounds, (folder / ROUNDS).read_text(encoding="utf-8"))

    def __call__(self, state: ServerState, ledger: Ledger, record: dict[str, Any]) -> None:
        """Save a round: its line first, then the checkpoint."""
        with self._rounds.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(record, allow_nan=False) + "\n")
        save_checkpoint(self._directory / "checkpoints", state, ledger)

    def finish(
        self,
        roster: Roster,
        state: ServerState,
        ledger: Ledger,
        verdict: Verdict,
        seconds: float,
    ) -> None:
        """Write predictions, model and results."""
        self._write_scores(verdict)
        self._write_model(state)
        results = self._results(roster, state, ledger, verdict, seconds)
        write_json(self._directory / "results.json", results)

    @property
    def _rounds(self) -> Path:
        return self._directory / ROUNDS

    def _lines(self) -> list[str]:
        return self._rounds.read_text().splitlines() if self._rounds.exists() else []

    def _write_scores(self, verdict: Verdict) -> None:
        """Write ``predictions.csv`` and, if the sites were to adapt the model, ``onboarding.csv``."""
        conditions = self._config.evaluation.conditions
        columns = ["site", "case_id", "condition", "label"]
        columns += [f"p_{k}" for k in range(len(self._config.task.classes))]
        columns += ["model"] * any(s.model is not None for s in verdict.held_out)
        rows = prediction_rows(verdict.held_out, conditions)
        self._write_table("predictions.csv", columns, rows)
        if self._config.evaluation.onboarding is not None:
            rows = onboarding_rows(verdict.held_out, self._config)
            self._write_table("onboarding.csv", ["procedure", *columns], rows)

    def _write_table(self, name: str, columns: list[str], rows: list[list[Any]]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([columns, *rows])
        write_text(self._directory / name, text.getvalue())

    def _write_model(self, state: ServerState) -> None:
        tensors = dict(state.model) | bank_tensors(state.bank, "bank.")
        write_tensors(self._directory / "model.safetensors", tensors)
        config = self._config
        write_json(
            self._directory / "model.json",
            {
                "schema": SCHEMA,
                "scale": config.model.scale,
                "classes": list(config.task.classes),
                "image_size": config.data.image_size,
                "volume_size": list(config.data.volume_size),
                "method": json.loads(config.method.model_dump_json()),
            },
        )

    def _results(
        self,
        roster: Roster,
        state: ServerState,
        ledger: Ledger,
        verdict: Verdict,
        seconds: float,
    ) -> dict[str, Any]:
        config = self._config
        cards = [member.card for member in roster.members]
        rounds = [json.loads(line) for line in self._rounds.read_text().splitlines()]
        clocked = ledger.pace is not None
        traffic = ledger.traffic
        return {
            "schema": SCHEMA,
            "name": config.name,
            "method": config.method.name,
            "arrangement": config.method.arrangement,
            "seed": config.seed,
            "engine": self._engine,
            "versions": _versions(),
            "task": {"classes": list(config.task.classes)},
            "rounds_completed": state.completed,
            "held_out": self._held_out(verdict),
            "onboarding": onboarding_results(verdict.held_out, config),
            "validation": self._validation(verdict),
            "sites": [_card(card) for card in cards],
            "communication": {
                "down_bytes": traffic.total_down,
                "up_bytes": traffic.total_up,
                "sites": {
                    card.name: {
                        "down_bytes": traffic.down[card.name],
                        "up_bytes": traffic.up[card.name],
                    }
                    for card in cards
                },
            },
            "time": {
                "wall": ledger.wall | {"total": seconds},
                "virtual_seconds": ledger.virtual_seconds if clocked else None,
                "virtual_by_group": time_by_group(rounds, cards) if clocked else None,
                "seconds_per_case": pace_record(ledger.pace),
            },
            "participation": outcome_counts(rounds, cards),
            "to_accuracy": to_accuracy(rounds, cards),
            "failures": ledger.failures,
            "warnings": self._warnings(ledger),
            "confounds": list(confounds(cards, config.seed).warnings),
            "transport": asdict(ledger.transport),
        }

    def _held_out(self, verdict: Verdict) -> dict[str, Any]:
        evaluation, seed = self._config.evaluation, self._config.seed
        conditions, replicates = evaluation.conditions, evaluation.bootstrap
        by_site: dict[str, list[Scores]] = {}
        for scored in verdict.held_out:
            by_site.setdefault(scored.site, []).append(scored)
        return {
            "pooled": metric_table(verdict.held_out, conditions, replicates, seed, "pooled"),
            "sites": {
                site: metric_table(scores, conditions, replicates, seed, site)
                for site, scores in by_site.items()
            },
        }

    def _validation(self, verdict: Verdict) -> dict[str, Any] | None:
        if not verdict.validation:
            return None
        conditions = self._config.evaluation.conditions
        return {"pooled": metric_table(verdict.validation, conditions, 0, self._config.seed, "v")}

    def _warnings(self, ledger: Ledger) -> list[str]:
        origin = pseudo_sites(self._config)
        words = [origin, *ledger.warnings] if origin else list(ledger.warnings)
        count = ledger.transport
        if count.not_converged:
            words.append(
                f"{count.not_converged} of {count.couplings} transport couplings did not converge"
            )
        if count.left_out_classes:
            words.append(f"{count.left_out_classes} times a class found no partner in a coupling")
        return words


def _versions() -> dict[str, str]:
    ours = {"fedrima": fed.__version__, "python": platform.python_version()}
    return ours | {package: version(package) for package in PACKAGES}


def _card(card: SiteCard) -> dict[str, Any]:
    return asdict(card) | {"modalities": list(card.modalities)}


def _round_of(line: str) -> int:
    """Return the round a line records; a line cut short belongs to no completed round."""
    try:
        return int(json.loads(line)["round"])
    except (ValueError, KeyError):
        return 2**31
