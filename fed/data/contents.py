"""What the files of an image hold, as a hash, and an index of hashes by path, size and time.

A hash takes reading the files. It is noted beside the sizes and modification times that they had:
while these stay, nobody need read them again to know what they hold.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from fed.data.formats.known import image_files
from fed.data.images import backing_file, reading
from fed.errors import DataError

Seen = TypeVar("Seen")


def digest(*parts: object) -> str:
    """Return a hash of what is told of a thing, as 32 hexadecimal digits."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def content(path: Path) -> str:
    """Return a hash of what an image is decoded from; where it lies does not count.

    Parameters
    ----------
    path : Path
        A file, a folder of slices, or an array in a ``.npz`` file, as `load_array` takes it.

    Raises
    ------
    DataError
        If a file cannot be read.
    """
    array = path.name if backing_file(path) != path else None
    return digest(_each_file(path, _held), array)


def state(path: Path) -> str:
    """Return names, sizes and modification times of an image's files, as a hash.

    Raises
    ------
    DataError
        If one of them is gone.
    """
    return digest(_each_file(path, _stamp))


def state_and_content(path: Path) -> tuple[str, str]:
    """Return `state` and `content` of an image, in this order: what changes later has another."""
    return state(path), content(path)


def equal(paths: Iterable[Path], known: Mapping[Path, str] | None = None) -> list[tuple[Path, ...]]:
    """Return the images that hold the same bytes, together.

    Parameters
    ----------
    paths : iterable of Path
    known : Mapping, optional
        `content` of images of which it is known already. Of the others, only those that are as
        large as another one are read.

    Raises
    ------
    DataError
        If a file cannot be read.
    """
    every, hashes = tuple(paths), dict(known or {})
    sizes: dict[int, list[Path]] = {}
    for path in every:
        if path not in hashes:
            sizes.setdefault(_size(path), []).append(path)
    alike = [path for group in sizes.values() if len(group) > 1 or hashes for path in group]
    with ThreadPoolExecutor() as pool:
        hashes |= zip(alike, pool.map(content, alike), strict=True)
    groups: dict[str, list[Path]] = {}
    for path in every:
        if path in hashes:
            groups.setdefault(hashes[path], []).append(path)
    return [tuple(group) for group in groups.values() if len(group) > 1]


class ContentIndex:
    """Hashes of images by path and state, kept in a file.

    It only spares reading: without it, or where it is out of date, images are hashed again.

    Parameters
    ----------
    file : Path
        Created by `save`.
    root : Path
        What paths count from, so that the data may be moved.
    """

    def __init__(self, file: Path, root: Path) -> None:
        self._file, self._root = file, root

    def look_up(self, paths: Iterable[Path]) -> dict[Path, str]:
        """Return the hashes of the images of which something was noted.

        They are read only where their files are in a state that is not noted; where these files
        are gone, the image is left out.
        """
        found: dict[Path, str] = {}
        changed: list[Path] = []
        for path in paths:
            states = self._noted.get(self._key(path), {})
            try:
                hashed = states.get(state(path)) if states else None
            except DataError:
                continue
            if hashed:
                found[path] = hashed
            elif states:
                changed.append(path)
        return found | self._hashed_again(changed)

    def note(self, path: Path, state: str, content: str) -> None:
        """Note the hash of an image and the state its files were in."""
        self._noted.setdefault(self._key(path), {})[state] = content

    def save(self) -> None:
        """Write the index at once, whoever else does."""
        temporary = self._file.with_name(f".{self._file.name}.{os.getpid()}.part")
        temporary.write_text(json.dumps(self._noted, indent=0, sort_keys=True), encoding="utf-8")
        os.replace(temporary, self._file)

    def _hashed_again(self, paths: Sequence[Path]) -> dict[Path, str]:
        if not paths:
            return {}
        with ThreadPoolExecutor() as pool:
            hashes = dict(zip(paths, pool.map(state_and_content, paths), strict=True))
        for path, (found, hashed) in hashes.items():
            self.note(path, found, hashed)
        with suppress(OSError):  # a folder of others: then each process hashes for itself
            self.save()
        return {path: hashed for path, (_, hashed) in hashes.items()}

    @cached_property
    def _noted(self) -> dict[str, dict[str, str]]:
        try:
            return json.loads(self._file.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):  # absent or damaged
            return {}

    def _key(self, path: Path) -> str:
        return os.path.relpath(path, self._root)


def _each_file(path: Path, look: Callable[[Path], Seen]) -> list[Seen]:
    """Look at the files of an image, in order; what cannot be read is a `DataError`."""
    found: list[Seen] = []
    for file in image_files(path):
        with reading(file):
            found.append(look(file))
    return found


def _held(file: Path) -> tuple[str, str]:
    with file.open("rb") as opened:
        return file.suffix.lower(), hashlib.file_digest(opened, "sha256").hexdigest()


def _size(path: Path) -> int:
    return sum(_each_file(path, lambda file: file.stat().st_size))


def _stamp(file: Path) -> tuple[str, int, int]:
    status = file.stat()
    return file.name, status.st_size, status.st_mtime_ns
