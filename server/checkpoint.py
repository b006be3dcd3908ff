"""A run's state and ledger between two rounds, in one file, so that they are never half there."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from fed.config.clock import Clock, SecondsPerCase
from fed.errors import DataError
from fed.protocol import TransportCount
from fed.prototypes import bank_from_tensors, bank_tensors, under
from fed.storage import read_tensors, write_tensors
from server.communication import Traffic
from server.ledger import Ledger
from server.state import ServerState

FILE = "latest.safetensors"
BEST = "best.safetensors"
"""Of the best round so far, where ``evaluation.keep`` asks for it."""


def save_checkpoint(directory: Path, state: ServerState, ledger: Ledger, file: str = FILE) -> None:
    """Write the state after a round, replacing the one before."""
    directory.mkdir(parents=True, exist_ok=True)
    tensors = {f"model/{key}": value for key, value in state.model.items()}
    for age, model in enumerate(state.recent):
        tensors |= {f"recent{age}/{key}": value for key, value in model.items()}
    tensors |= {f"moments/{key}": value for key, value in state.moments.items()}
    tensors |= bank_tensors(state.bank, "bank/")
    account = {
        "completed": state.completed,
        "recent": len(state.recent),
        "down": dict(ledger.traffic.down),
        "up": dict(ledger.traffic.up),
        "transport": asdict(ledger.transport),
        "wall": ledger.wall,
        "seconds_per_case": seconds_record(ledger.seconds_per_case),
        "virtual_seconds": ledger.virtual_seconds,
        "failures": ledger.failures,
        "warnings": ledger.warnings,
    }
    write_tensors(directory / file, tensors, {"ledger": json.dumps(account)})


def load_checkpoint(directory: Path, file: str = FILE) -> tuple[ServerState, Ledger] | None:
    """Read the state to go on from, and its ledger; None if no round was completed.

    Raises
    ------
    DataError
        If the file is there but cannot be read.
    """
    path = directory / file
    if not path.exists():
        return None
    try:
        tensors = read_tensors(path)
        with safe_open(path, framework="numpy") as opened:
            account: dict[str, Any] = json.loads(opened.metadata()["ledger"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: not a checkpoint that can be read ({error})") from None
    state = ServerState(
        model=under(tensors, "model/"),
        completed=account["completed"],
        recent=tuple(under(tensors, f"recent{age}/") for age in range(account["recent"])),
        moments=under(tensors, "moments/"),
        bank=bank_from_tensors(tensors, "bank/"),
    )
    ledger = Ledger(
        transport=TransportCount(**account["transport"]),
        wall=account["wall"],
        seconds_per_case=Clock(seconds_per_case=account["seconds_per_case"]).seconds_per_case,
        virtual_seconds=account["virtual_seconds"],
        failures=account["failures"],
        warnings=account["warnings"],
    )
    earlier = Traffic()
    earlier.down.update(account["down"])
    earlier.up.update(account["up"])
    ledger.traffic.add(earlier)
    return state, ledger


def seconds_record(seconds_per_case: SecondsPerCase | None) -> dict[str, dict[str, float]] | None:
    """Return the seconds_per_case as ``clock.seconds_per_case`` takes it."""
    return (
        None
        if seconds_per_case is None
        else {work: s.model_dump() for work, s in seconds_per_case.items()}
    )
