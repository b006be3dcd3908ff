"""Images decoded and resampled once, then read at the speed of memory.

A folder holds one memory-mapped array an image, named by a hash of what it was made from: the
paths, sizes and modification times of its files, and the size it was brought to. So work that was
interrupted goes on where it stopped, an image that changed is made anew, an old array is never
taken for it, and names alone tell whether a folder is complete. Paths count from the root of the
data: both folders may be moved together, as long as modification times are kept.
"""

import hashlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fed.data.images import backing_file
from fed.data.reading import Preparable, refuse
from fed.data.volumes import slice_files
from fed.errors import DataError
from fed.sites import MODALITIES, Modality

FORMAT = 1
"""Raised whenever reading comes to give other pixels, so that older folders count as stale."""

Image = tuple[Modality, Path]


@dataclass(frozen=True)
class PreparedReader:
    """Reads images from a prepared folder, and opens no source image.

    Attributes
    ----------
    directory : Path
        As filled by `prepare`.
    root : Path
        The folder that the data lies in.
    decoder : Preparable
        The decoder, or encoder, that filled it.
    """

    directory: Path
    root: Path
    decoder: Preparable

    def read(self, modality: Modality, path: Path) -> NDArray[Any]:
        """Return fundus ``(3, height, width)``, OCT ``(slices, depth, width)`` or a feature."""
        stored = self.stored((modality, path))
        try:
            return np.asarray(np.load(stored, mmap_mode="r"))
        except FileNotFoundError:
            raise DataError(self._stale([path])) from None
        except (OSError, ValueError):
            raise DataError(f"{stored}: damaged; delete it and prepare the data again") from None

    def check(self, images: Sequence[Image]) -> None:
        """Raise a `DataError` if the folder lacks an image as its file is now."""
        absent = self.absent(images)
        if absent:
            raise DataError(self._stale([path for _, path in absent]))

    def absent(self, images: Sequence[Image]) -> list[Image]:
        """Return the images that are not stored as their files are now."""
        return [image for image in images if not self._is_stored(image)]

    def stored(self, image: Image) -> Path:
        """Return where an image as it is now is stored.

        Raises
        ------
        DataError
            If one of its files is gone.
        """
        modality, path = image
        parts = [FORMAT, self.decoder.identity(modality), os.path.relpath(path, self.root)]
        for file in slice_files(path) if path.is_dir() else [backing_file(path)]:
            try:
                status = file.stat()
            except OSError as error:
                raise DataError(f"{file}: cannot be read: {error.strerror}") from None
            parts += [file.name, status.st_size, status.st_mtime_ns]
        digest = hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()
        return self.directory / modality / f"{digest}.npy"

    def _is_stored(self, image: Image) -> bool:
        try:
            return self.stored(image).exists()
        except DataError:  # its source file is gone
            return False

    def _stale(self, paths: Sequence[Path]) -> str:
        return (
            f"data.prepared: {self.directory} lacks {len(paths)} of the images as they are now, "
            f"the first {paths[0]}; prepare the data again: simulate.py CONFIG --prepare"
        )


def prepare(
    images: Sequence[Image],
    reader: PreparedReader,
    workers: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Decode and store the images that a folder lacks; the others are left as they are.

    Parameters
    ----------
    images : sequence of (modality, path)
    reader : PreparedReader
        Its folder is created where it is absent. What is stored does not depend on the number of
        workers.
    workers : int
        Processes.
    progress : callable
        Called with the images done and those to do, as they are done.

    Returns
    -------
    int
        How many images were decoded.

    Raises
    ------
    DataError
        Naming the images that cannot be read, once all others are stored.
    """
    todo = reader.absent(images)
    for modality in MODALITIES:
        (reader.directory / modality).mkdir(parents=True, exist_ok=True)
    troubles = []
    for done, trouble in enumerate(_stored_one_by_one(reader, todo, workers), 1):
        progress(done, len(todo))
        if trouble:
            troubles.append(trouble)
    refuse(troubles)
    return len(todo)


def _stored_one_by_one(
    reader: PreparedReader, images: Sequence[Image], workers: int
) -> Iterator[str | None]:
    store = partial(_store, reader)
    if workers == 1 or len(images) < 2:
        yield from map(store, images)
        return
    # Spawned, not forked: a fork of a process with threads of its own can hang. An interrupt is
    # for the process that owns the pool, which then ends its workers.
    with multiprocessing.get_context("spawn").Pool(
        min(workers, len(images)), signal.signal, (signal.SIGINT, signal.SIG_IGN)
    ) as pool:
        yield from pool.imap(store, images, chunksize=4)


def _store(reader: PreparedReader, image: Image) -> str | None:
    """Decode and store one image; return its trouble if it cannot be read."""
    try:
        stored = reader.stored(image)
        pixels = reader.decoder.read(*image)
    except DataError as error:
        return str(error)
    temporary = stored.with_name(f".{stored.name}.{os.getpid()}.part")
    with temporary.open("wb") as file:
        np.save(file, pixels)
    os.replace(temporary, stored)
    return None
