"""``model.json``: what is needed to load ``model.safetensors`` (`fed.weights`)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from fed.results.record import SCHEMA, Record, parsed, text_of
from fed.sites import Modality
from fed.storage import write_json

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
    distances: Mapping[Modality, tuple[float, ...]] = {}
    """How far held-out eyes lie from the prototypes: quantiles from 0 to 1, equally spaced."""


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
