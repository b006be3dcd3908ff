"""``model.safetensors`` and ``model.json``: the model of a finished run, with what explains it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field
from safetensors import SafetensorError

from fed.errors import DataError
from fed.protocol import Bank
from fed.prototypes import bank_from_tensors
from fed.results.record import SCHEMA, Record, parsed, text_of
from fed.states import State
from fed.storage import read_tensors, write_json

MODEL, WEIGHTS = "model.json", "model.safetensors"
BANK = "bank."
"""Before the names of the bank's arrays among the weights."""


class ModelFile(Record):
    """The content of ``model.json``: what is needed to load ``model.safetensors``."""

    version: int = Field(default=SCHEMA, alias="schema")
    scale: str | None = None
    classes: tuple[str, ...]
    image_size: int
    volume_size: tuple[int, int, int]
    method: dict[str, Any]


@dataclass(frozen=True)
class Weights:
    """What ``model.safetensors`` holds.

    Attributes
    ----------
    state : State
        The global model; where sites keep their own, these too (`fed.own_models`).
    bank : Bank
        Prototypes of each modality; empty where the method keeps none.
    digest : str
        SHA-256 of the file.
    """

    state: State
    bank: Bank
    digest: str


def write_model_file(folder: Path, described: ModelFile) -> None:
    """Write ``model.json`` of a run."""
    write_json(folder / MODEL, described.content())


def read_model_file(folder: Path) -> ModelFile:
    """Read ``model.json`` of a run.

    Raises
    ------
    DataError
        If it is absent or is none of this version.
    """
    return parsed(ModelFile, text_of(folder / MODEL), folder / MODEL)


def read_weights(folder: Path) -> Weights:
    """Read ``model.safetensors`` of a run.

    Raises
    ------
    DataError
        If it is absent or damaged.
    """
    path = folder / WEIGHTS
    try:
        tensors = read_tensors(path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
    except SafetensorError as error:
        raise DataError(f"{path}: damaged, or no model of a run ({error})") from None
    state = {name: value for name, value in tensors.items() if not name.startswith(BANK)}
    return Weights(state, bank_from_tensors(tensors, BANK), digest)
