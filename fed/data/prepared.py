"""Images decoded and resampled once, then read at the speed of memory.

A folder holds one memory-mapped array an image, named by a hash of what it was made from: the
content of the image's files, the size it was brought to, and `FORMAT`. So work that was
interrupted goes on where it stopped, an image that changed is made anew, an old array is never
taken for it, and moving or touching files costs no decoding. An index of hashes by size and
modification time spares a start the reading of files that nobody touched.
"""

import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fed.data.contents import ContentIndex, digest, state_and_content
from fed.data.doubts import Doubt
from fed.data.images import backing_file
from fed.data.limits import regular
from fed.data.reading import Preparable, refuse
from fed.errors import DataError
from fed.sites import MODALITIES, Modality

FORMAT = 2
"""Raised whenever reading comes to give other pixels, so that older arrays count as stale."""

INDEX = "index.json"

NOTE = ".json"
"""Suffix of what is noted beside an array of a doubtful image."""

KEPT_BYTES = 2**13
"""Arrays up to this size are kept once read: features, where opening the file is what costs."""

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
    _found: dict[Image, Path] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Arrays that were looked up: a run does not ask twice whether an image has changed."""

    _kept: dict[Path, NDArray[Any]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def read(self, modality: Modality, path: Path) -> NDArray[Any]:
        """Return fundus ``(3, height, width)``, OCT ``(slices, depth, width)`` or a feature."""
        image = modality, path
        if image not in self._found:
            self._look_up([image])
        stored = self._found[image]
        if stored in self._kept:
            return self._kept[stored]
        try:
            if stored.stat().st_size <= KEPT_BYTES:
                array = np.load(stored)
                array.flags.writeable = False
                return self._kept.setdefault(stored, array)
            return np.asarray(np.load(stored, mmap_mode="r"))
        except FileNotFoundError:
            raise DataError(self._stale([path])) from None
        except (OSError, ValueError):
            raise DataError(f"{stored}: damaged; delete it and prepare the data again") from None

    def check(self, images: Sequence[Image]) -> Sequence[Doubt]:
        """Return what was noted of the images when they were prepared.

        Images are read only where their files changed after they were prepared.

        Raises
        ------
        DataError
            If the folder lacks an image as its file is now.
        """
        self.__dict__.pop("_index", None)  # what was prepared since it was read
        self._look_up(images)
        return [doubt for image in images for doubt in self._noted(image)]

    def _look_up(self, images: Sequence[Image]) -> None:
        contents = self._index.look_up(path for _, path in images)
        for image in images:
            modality, path = image
            if path in contents and (stored := self.array(modality, contents[path])).exists():
                self._found[image] = stored
            else:
                self._found.pop(image, None)
        absent = [path for modality, path in images if (modality, path) not in self._found]
        if absent:
            raise DataError(self._stale(absent))

    def _noted(self, image: Image) -> tuple[Doubt, ...]:
        """Return what is noted beside an array: nothing, if nothing was doubtful."""
        note = self._found[image].with_suffix(NOTE)
        try:
            return tuple(Doubt(*image, kind, words) for kind, words in json.loads(note.read_text()))
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, TypeError):
            raise DataError(
                f"{note}: damaged; delete it and its array, and prepare again"
            ) from None

    def array(self, modality: Modality, content: str) -> Path:
        """Return where the array of an image of this content is stored."""
        name = digest(FORMAT, self.decoder.identity(modality), content)
        return self.directory / modality / f"{name}.npy"

    def open_index(self) -> ContentIndex:
        """Open what the folder notes of the content of the images."""
        return ContentIndex(self.directory / INDEX, self.root)

    @cached_property
    def _index(self) -> ContentIndex:
        return self.open_index()

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
    """Decode and store the images that a folder lacks; all are read, to know what they hold.

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
    for modality in MODALITIES:
        (reader.directory / modality).mkdir(parents=True, exist_ok=True)
    index, decoded, troubles = reader.open_index(), 0, []
    try:
        for done, outcome in enumerate(_stored_one_by_one(reader, images, workers), 1):
            if isinstance(outcome, str):
                troubles.append(outcome)
            else:
                index.note(images[done - 1][1], outcome.state, outcome.content)
                decoded += outcome.decoded
            progress(done, len(images))
    finally:
        index.save()
    refuse(troubles)
    return decoded


class _Stored(NamedTuple):
    """An image that is stored: the hashes of its files, and whether it had to be decoded."""

    state: str
    content: str
    decoded: bool


def _stored_one_by_one(
    reader: PreparedReader, images: Sequence[Image], workers: int
) -> Iterator[_Stored | str]:
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


def _store(reader: PreparedReader, image: Image) -> _Stored | str:
    """Store one image unless an array of it is there; return its trouble if it cannot be read."""
    modality, path = image
    try:
        regular(backing_file(path), path)  # before its bytes are hashed: a pipe has no end
        state, content = state_and_content(path)
        stored = reader.array(modality, content)
        if stored.exists():
            return _Stored(state, content, decoded=False)
        pixels, doubts = reader.decoder.examine(modality, path)
    except DataError as error:
        return str(error)
    if doubts:  # before the array: one that is there has its note
        note = json.dumps([(doubt.kind, doubt.words) for doubt in doubts]).encode()
        _write(stored.with_suffix(NOTE), lambda file: file.write(note))
    _write(stored, lambda file: np.save(file, pixels))
    return _Stored(state, content, decoded=True)


def _write(path: Path, content: Callable[[IO[bytes]], object]) -> None:
    """Write a file that is there as a whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    with temporary.open("wb") as file:
        content(file)
    os.replace(temporary, path)
