"""A run's state between two rounds, in one file, so that it is never half there."""

import json
from collections import deque
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from fed.config import Config
from fed.config.clock import Clock, Pace
from fed.errors import DataError
from fed.protocol import Bank, TransportCount
from fed.prototypes import Prototypes
from fed.sites import MODALITIES
from fed.storage import read_tensors, write_tensors
from server.communication import Traffic
from server.optimizers import ServerOptimizer
from server.rounds import Progress

FILE = "latest.safetensors"
MOMENTS = ("first", "second")
"""What a server optimizer keeps between rounds."""


def save_checkpoint(directory: Path, progress: Progress) -> None:
    """Write the state after a round, replacing the one before."""
    directory.mkdir(parents=True, exist_ok=True)
    tensors = {f"model/{key}": value for key, value in progress.model.items()}
    for age, state in enumerate(progress.recent):
        tensors |= {f"recent{age}/{key}": value for key, value in state.items()}
    for moment in MOMENTS:
        values = getattr(progress.optimizer, moment)
        tensors |= {f"optimizer.{moment}/{key}": value for key, value in values.items()}
    tensors |= bank_tensors(progress.bank, "bank/")
    ledger = {
        "completed": progress.completed,
        "recent": len(progress.recent),
        "down": dict(progress.traffic.down),
        "up": dict(progress.traffic.up),
        "transport": asdict(progress.transport),
        "wall": progress.wall,
        "pace": pace_record(progress.pace),
        "virtual_seconds": progress.virtual_seconds,
        "failures": progress.failures,
        "warnings": progress.warnings,
    }
    write_tensors(directory / FILE, tensors, {"ledger": json.dumps(ledger)})


def load_checkpoint(directory: Path, config: Config) -> Progress | None:
    """Read the state to go on from; None if no round was completed.

    Raises
    ------
    DataError
        If the file is there but cannot be read.
    """
    path = directory / FILE
    if not path.exists():
        return None
    try:
        tensors = read_tensors(path)
        with safe_open(path, framework="numpy") as opened:
            ledger: dict[str, Any] = json.loads(opened.metadata()["ledger"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: not a checkpoint that can be read ({error})") from None
    progress = Progress(
        model=_under(tensors, "model/"),
        recent=deque(
            (_under(tensors, f"recent{age}/") for age in range(ledger["recent"])),
            maxlen=config.method.combine.average_last,
        ),
        optimizer=ServerOptimizer(
            config.server_step, *(_under(tensors, f"optimizer.{moment}/") for moment in MOMENTS)
        ),
        bank=bank_from_tensors(tensors, "bank/"),
        completed=ledger["completed"],
        transport=TransportCount(**ledger["transport"]),
        wall=ledger["wall"],
        pace=Clock(seconds_per_case=ledger["pace"]).seconds_per_case,
        virtual_seconds=ledger["virtual_seconds"],
        failures=ledger["failures"],
        warnings=ledger["warnings"],
    )
    earlier = Traffic()
    earlier.down.update(ledger["down"])
    earlier.up.update(ledger["up"])
    progress.traffic.add(earlier)
    return progress


def pace_record(pace: Pace | None) -> dict[str, dict[str, float]] | None:
    """Return the pace as ``clock.seconds_per_case`` takes it."""
    return None if pace is None else {work: s.model_dump() for work, s in pace.items()}


def bank_tensors(bank: Bank, prefix: str) -> dict[str, NDArray[Any]]:
    """Return the bank as named arrays."""
    return {
        f"{prefix}{modality}.{name}": value
        for modality, prototypes in bank.items()
        for name, value in asdict(prototypes).items()
    }


def bank_from_tensors(tensors: dict[str, NDArray[Any]], prefix: str) -> Bank:
    """Return the bank that `bank_tensors` named."""
    found = _under(tensors, prefix)
    return {
        modality: Prototypes(**_under(found, f"{modality}."))
        for modality in MODALITIES
        if f"{modality}.labels" in found
    }


def _under(tensors: dict[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {
        key.removeprefix(prefix): np.asarray(value)
        for key, value in tensors.items()
        if key.startswith(prefix)
    }
