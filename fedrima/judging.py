"""What `fedrima judge` does, once it is known what is asked for."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fed.config import Config, load
from fed.errors import ConfigError
from fed.sites import MODALITIES
from fedrima.outcome import Run

FROM_RUN = ("method", "model", "training")
"""Sections that say what the model is; they are the finished run's."""
NOT_JUDGED = ("start", "study", "clock")
"""Sections that say how something is trained."""


def judging(folder: Path, configs: Sequence[Path], settings: Sequence[str]) -> Config:
    """Return the configuration of a run that judges a finished model and trains nothing.

    Sites, data and evaluation are those of `configs`; everything that makes the model is that of
    the run in `folder`.

    Raises
    ------
    ConfigError
        If the two do not go together.
    DataError
        If the run or its model cannot be read.
    """
    run = Run.load(folder)
    for setting in settings:
        section = setting.partition("=")[0].partition(".")[0]
        if section in (*FROM_RUN, "judge"):
            raise ConfigError(f"--set {setting}: {section} is that of the run in {folder}")
    config = load(configs, [*settings, *_of_the_run(run)])
    if config.task.classes != run.results.classes:
        raise ConfigError(
            f"task.classes: [{', '.join(config.task.classes)}], but the model in {folder} grades "
            f"[{', '.join(run.results.classes)}]"
        )
    if not config.evaluation.conditions:
        raise ConfigError("evaluation.conditions: empty, so there is nothing to judge")
    return config


def _of_the_run(run: Run) -> list[str]:
    """Return what the run decides, as settings."""
    theirs: dict[str, Any] = json.loads(run.config.model_dump_json())
    theirs["model"] |= {"init": None, "fundus_weights": None, "oct_weights": None}
    decided = {section: theirs[section] for section in FROM_RUN}
    decided |= {f"data.{key}": theirs["data"][key] for key in ("image_size", "volume_size")}
    decided["judge"] = {
        "run": str(run.folder),
        "sha256": run.weights.digest,
        "modalities": [m for m in MODALITIES if m in run.config.modalities],
    }
    decided |= dict.fromkeys(NOT_JUDGED)
    return [f"{key}={json.dumps(value)}" for key, value in decided.items()]
