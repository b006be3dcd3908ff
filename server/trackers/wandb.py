"""Weights & Biases, offline: `wandb sync RUN/wandb/offline-run-*` sends it where one wishes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fed.config import Config
from server.observers import Observer
from server.trackers._base import Following, Tracker, required


@dataclass(frozen=True)
class Wandb(Tracker):
    """A run of Weights & Biases in the run's folder; nothing is sent.

    A run that goes on after a break is a new run there.

    Attributes
    ----------
    project : str or None
        None: the name of the configuration.
    """

    project: str | None = None

    def follow(self, directory: Path, config: Config) -> Observer:
        """Return the observer that logs to it."""
        package = required("wandb", "wandb")
        run = package.init(
            mode="offline",
            dir=str(directory),
            project=self.project or config.name,
            name=f"{config.method.name}-s{config.seed}",
            config=json.loads(config.model_dump_json()),
            settings=package.Settings(silent=True, console="off", disable_git=True),
        )
        return _WandbRun(run)


class _WandbRun(Following):
    def __init__(self, run: Any) -> None:
        self._run = run

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        self._run.log(dict(numbers), step=step)

    def close(self, complete: bool) -> None:
        self._run.finish(exit_code=0 if complete else 1)
