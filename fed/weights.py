"""``model.safetensors``: the model of a finished run, read back."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError

from fed.errors import DataError
from fed.protocol import Bank
from fed.prototypes import bank_from_tensors
from fed.results import BANK, WEIGHTS
from fed.states import State
from fed.storage import read_tensors


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
