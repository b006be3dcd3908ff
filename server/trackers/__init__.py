"""Trackers of experiments, one file each: who else is told of the course of a run.

All of them write below the run's folder and need no account and no network.
"""

from collections.abc import Sequence
from pathlib import Path

from fed.config import Config
from server.observers import Observer
from server.trackers._base import Tracker

__all__ = ["Tracker", "follow"]


def follow(trackers: Sequence[Tracker], directory: Path, config: Config) -> list[Observer]:
    """Return the observers that tell trackers of a run.

    Raises
    ------
    ConfigError
        If the package of one is not installed.
    """
    return [tracker.follow(directory, config) for tracker in trackers]
