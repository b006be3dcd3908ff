"""TensorBoard: curves in a browser, `tensorboard --logdir RUN`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fed.config import Config, dump
from server.observers import Observer
from server.trackers._base import Following, Tracker, required


@dataclass(frozen=True)
class Tensorboard(Tracker):
    """Event files that TensorBoard reads, in a folder of the run's.

    Attributes
    ----------
    folder : str
        Its name.
    """

    folder: str = "tensorboard"

    def follow(self, directory: Path, config: Config) -> Observer:
        """Return the observer that writes events."""
        required("tensorboard", "tensorboard")
        writing = required("torch.utils.tensorboard", "tensorboard")
        return _Events(writing.SummaryWriter, directory / self.folder, dump(config))


class _Events(Following):
    def __init__(self, writer: Any, folder: Path, configuration: str) -> None:
        self._open = writer
        self._folder = folder
        self._configuration = configuration
        self._writer: Any = None

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        if self._writer is None:
            # What a run did after its last checkpoint is hidden when it goes on from there.
            self._writer = self._open(str(self._folder), purge_step=step)
            fenced = f"    {self._configuration}".replace("\n", "\n    ")
            self._writer.add_text("configuration", fenced, step)
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self, complete: bool) -> None:
        if self._writer is not None:
            self._writer.close()
