"""What all trackers have in common: numbers by name, a step a round."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from statistics import fmean
from typing import Any

from fed.config import Config
from fed.errors import ConfigError
from fed.results import Results, RoundRecord, Table
from server.observers import Observer


@dataclass(frozen=True)
class Tracker:
    """A place where the numbers of a run are kept beside the run's own files.

    A tracker of one's own has a `follow` that returns an observer; `Following` turns rounds and
    results into numbers with names.
    """

    def follow(self, directory: Path, config: Config) -> Observer:
        """Return the observer that tells it of the run in a folder.

        Raises
        ------
        ConfigError
            If the package it needs is not installed.
        """
        raise NotImplementedError


class Following(Observer):
    """Tells a tracker the numbers of each round as it ends, and those of the end."""

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Keep numbers of a round."""
        raise NotImplementedError

    def close(self, complete: bool) -> None:
        """Let go of files and processes."""

    def round_ended(self, record: RoundRecord) -> None:
        """Keep what a round says."""
        self.log(record.round, numbers_of(record))

    def ended(self, results: Results | None) -> None:
        """Keep the final scores with their intervals, then let go."""
        if results is not None:
            self.log(results.rounds_completed, final_numbers(results))
        self.close(complete=results is not None)


def numbers_of(record: RoundRecord) -> dict[str, float]:
    """Return the numbers of a round by name; losses are means over the sites that reported them."""
    losses: dict[str, list[float]] = defaultdict(list)
    for of_site in record.losses.values():
        for name, value in of_site.items():
            losses[name].append(value)
    return {
        "lr": record.lr,
        "participants": float(len(record.participants)),
        "failures": float(len(record.failures)),
        "down_bytes": float(record.down_bytes),
        "up_bytes": float(record.up_bytes),
        "seconds": record.seconds,
        **({} if record.virtual_seconds is None else {"virtual_seconds": record.virtual_seconds}),
        **{f"loss/{name}": fmean(values) for name, values in losses.items()},
        **_scores("held_out", record.held_out),
        **_scores("validation", record.validation),
    }


def final_numbers(results: Results) -> dict[str, float]:
    """Return the final held-out scores by name, with the ends of their intervals."""
    found = _scores("final", results.held_out.pooled)
    for condition, metrics in results.held_out.pooled.items():
        for name, estimate in metrics.items():
            for end, value in (("low", estimate.low), ("high", estimate.high)):
                if value is not None:
                    found[f"final/{condition}/{name}/{end}"] = value
    return found


def required(module: str, tracker: str) -> Any:
    """Import a package that is installed only for a tracker.

    Raises
    ------
    ConfigError
        If it is not there.
    """
    try:
        return import_module(module)
    except ImportError:
        raise ConfigError(
            f"trackers: {tracker} needs a package that is not installed; allowed: "
            f"pip install 'fedrima[{tracker}]', or leave it out"
        ) from None


def _scores(part: str, table: Table | None) -> dict[str, float]:
    return {
        f"{part}/{condition}/{name}": estimate.value
        for condition, metrics in (table or {}).items()
        for name, estimate in metrics.items()
        if estimate.value is not None
    }
