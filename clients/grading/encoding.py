"""Features of eyes from their files, in this process or in several."""

import multiprocessing
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clients.batches import batches
from clients.grading.model import TrainedModel
from clients.site import ENCODED_AT_ONCE
from fed.config import Config
from fed.data.doubts import Doubt
from fed.data.readers import readers
from fed.data.reading import Preparable
from fed.data.ungraded import UngradedEye, Unreadable
from fed.errors import DataError
from fed.sites import MODALITIES, Modality
from model.rima import Batch, Features


@dataclass(frozen=True)
class Seen:
    """What was seen of some eyes.

    Attributes
    ----------
    eyes : tuple of UngradedEye
        Those of which at least one image could be read.
    features : Features
        Of these ``n`` eyes.
    doubts : tuple of tuple of Doubt
        Of each of these eyes.
    unreadable : tuple of Unreadable
        The images that could not be read, of these eyes or of others.
    """

    eyes: tuple[UngradedEye, ...]
    features: Features
    doubts: tuple[tuple[Doubt, ...], ...]
    unreadable: tuple[Unreadable, ...]


@dataclass(frozen=True)
class Pictures:
    """The images of some eyes as they were read."""

    eyes: tuple[UngradedEye, ...]
    batch: Batch
    doubts: tuple[tuple[Doubt, ...], ...]
    unreadable: tuple[Unreadable, ...]


def parted(eyes: Sequence[UngradedEye]) -> list[list[UngradedEye]]:
    """Return eyes in parts of about 64, what one process reads and encodes at a time."""
    rows = batches(np.arange(len(eyes)), ENCODED_AT_ONCE)
    return [[eyes[row] for row in part] for part in rows]


class Encoding:
    """Turns lists of eyes into what a model sees of them.

    Use as a context manager: it owns the processes. What it gives does not depend on their number.

    Parameters
    ----------
    model : TrainedModel
    workers : int
        Processes; 1: this one.
    """

    def __init__(self, model: TrainedModel, workers: int = 1) -> None:
        self._model = model
        self._workers = workers

    @contextmanager
    def __call__(self, eyes: Sequence[UngradedEye], done: int = 0) -> Iterator[Iterator[Seen]]:
        """Give what is seen of each of the parts of `eyes`, in their order, without those done."""
        parts = parted(eyes)
        model = self._settled(parts)
        parts = parts[done:]
        if self._workers == 1 or len(parts) < 2:
            yield (_see(model, part) for part in parts)
            return
        # Spawned, not forked: a fork of a process with threads of its own can hang. An interrupt
        # is for the process that owns the pool, which then ends its workers.
        with multiprocessing.get_context("spawn").Pool(
            min(self._workers, len(parts)), _begin, (model,)
        ) as pool:
            yield pool.imap(_see_here, parts)

    def _settled(self, parts: Sequence[Sequence[UngradedEye]]) -> TrainedModel:
        """Give the model the statistics of these eyes, if its normalisation is local."""
        if self._model.config.model.normalisation != "local":
            return self._model
        return self._model.settled(pictures(self._model, part).batch for part in parts)


_HERE: list[TrainedModel] = []
"""The model of this worker process."""


def _begin(model: TrainedModel) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _HERE.append(model)


def _see_here(eyes: Sequence[UngradedEye]) -> Seen:
    return _see(_HERE[0], eyes)


def _see(model: TrainedModel, eyes: Sequence[UngradedEye]) -> Seen:
    found = pictures(model, eyes)
    return Seen(found.eyes, model.encode(found.batch), found.doubts, found.unreadable)


def pictures(model: TrainedModel, eyes: Sequence[UngradedEye]) -> Pictures:
    """Read the images of some eyes; those that cannot be read are told, with their eye."""
    reading = readers(_here(model.config))
    kept: list[UngradedEye] = []
    doubts: list[tuple[Doubt, ...]] = []
    unreadable: list[Unreadable] = []
    pixels: dict[Modality, list[NDArray[Any]]] = {modality: [] for modality in MODALITIES}
    has: dict[Modality, list[bool]] = {modality: [] for modality in MODALITIES}
    for eye in eyes:
        read, doubtful, troubles = _read(model, eye, reading)
        unreadable += troubles
        if not read:
            continue
        kept.append(eye)
        doubts.append(doubtful)
        for modality in MODALITIES:
            has[modality].append(modality in read)
            pixels[modality] += [read[modality]] if modality in read else []
    batch = Batch(
        _stacked(pixels["fundus"]),
        _stacked(pixels["oct"]),
        torch.tensor(has["fundus"], dtype=torch.bool),
        torch.tensor(has["oct"], dtype=torch.bool),
    )
    return Pictures(tuple(kept), batch, tuple(doubts), tuple(unreadable))


def _read(
    model: TrainedModel, eye: UngradedEye, reading: Mapping[Modality, Any]
) -> tuple[dict[Modality, NDArray[Any]], tuple[Doubt, ...], list[Unreadable]]:
    read: dict[Modality, NDArray[Any]] = {}
    doubts: tuple[Doubt, ...] = ()
    troubles = []
    for modality, path in eye.images.items():
        told: str | None = None
        if modality not in model.seen:
            told = f"the model has not learned from {modality}"
        else:
            try:
                reader = cast(Preparable, reading[modality])
                read[modality], found = reader.examine(modality, path)
                doubts += found
            except DataError as error:
                told = " ".join(str(error).split())  # names may have line breaks
        if told is not None:
            troubles.append(Unreadable(eye.case_id, eye.patient_id, modality, str(path), told))
    return read, doubts, troubles


def _here(config: Config) -> Config:
    """Return the configuration of a reader that decodes files anew."""
    return config.model_copy(update={"data": config.data.model_copy(update={"prepared": None})})


def _stacked(pixels: list[NDArray[Any]]) -> Tensor:
    """Return images in [0, 1], or features as they are."""
    if not pixels:
        return torch.zeros((0, 0, 0, 0))
    stacked = torch.from_numpy(np.stack(pixels))
    return stacked.float().div_(255.0) if stacked.dtype == torch.uint8 else stacked
