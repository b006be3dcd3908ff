"""Files that are whole or absent: written under a temporary name, then renamed."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save


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


def set_aside(directory: Path) -> Path | None:
    """Rename a folder that holds something to the next free ``<name>.<number>``; return that."""
    if not directory.exists() or not any(directory.iterdir()):
        return None
    number = 1
    while (aside := directory.with_name(f"{directory.name}.{number}")).exists():
        number += 1
    return directory.rename(aside)
