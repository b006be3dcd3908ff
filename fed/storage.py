"""Files that are whole or absent: written under a temporary name, then renamed."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save

from fed.errors import ConfigError

MARK = ".fedrima"
"""A file in the folder of each run or study: whose it is, and the lock of who runs in it."""
SIGNS = {"rounds.jsonl", "results.json", "log.txt", "checkpoints", "study.json", "states"}
"""One of them beside ``config.yaml`` tells a run of before there was a mark."""


def write_text(path: Path, text: str) -> None:
    """Write a text file at once."""
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file at once; NaN is refused, an undefined number is null."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def write_tensors(
    path: Path, tensors: dict[str, NDArray[Any]], metadata: dict[str, str] | None = None
) -> None:
    """Write a safetensors file at once."""
    temporary = path.with_name(f".{path.name}.part")
    contiguous = {name: np.asarray(value, order="C") for name, value in tensors.items()}
    temporary.write_bytes(save(contiguous, metadata))
    os.replace(temporary, path)


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Read a safetensors file."""
    return load_file(path)


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the folder of a run, made if it is absent, against every other process.

    The lock goes with the process, however it ends.

    Raises
    ------
    ConfigError
        If another process holds it, or it cannot be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        file = (directory / MARK).open("a")
    except OSError as error:
        raise ConfigError(f"{directory}: cannot be written: {error.strerror}") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(
                f"{directory}: another process is running in it; wait for its end, or choose "
                "another --out"
            ) from None
        yield


def check_ours(directory: Path) -> None:
    """Refuse a folder that holds something, but no run.

    Raises
    ------
    ConfigError
    """
    if not directory.exists():
        return
    if not directory.is_dir():
        raise ConfigError(f"{directory}: is a file; allowed: a folder that is absent, or of a run")
    held = {path.name for path in directory.iterdir()}
    if held and MARK not in held and not ("config.yaml" in held and held & SIGNS):
        raise ConfigError(
            f"{directory}: holds files, but no run; allowed: an absent or empty folder, or that "
            "of an earlier run"
        )


def set_aside(directory: Path) -> Path | None:
    """Rename a folder that holds a run to the next free ``<name>.<number>``; return that.

    Raises
    ------
    ConfigError
        If it holds something else, or another process is running in it.
    """
    check_ours(directory)
    if not directory.exists() or not {path.name for path in directory.iterdir()} - {MARK}:
        return None
    with locked(directory):
        number = 1
        while (aside := directory.with_name(f"{directory.name}.{number}")).exists():
            number += 1
        return directory.rename(aside)
