"""A run's state and ledger between two rounds, in one file, so that they are never half there."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, RootModel, ValidationError
from safetensors import SafetensorError, safe_open

from fed.config import Config
from fed.config.clock import SecondsPerCase
from fed.config.refusal import one_line
from fed.config.section import NotNegative, Section, Whole
from fed.errors import ConfigError, DataError
from fed.protocol import TransportCount
from fed.prototypes import bank_from_tensors, bank_tensors, under
from fed.storage import read_tensors, write_tensors
from server.alarm import Movement
from server.communication import Traffic
from server.differences import first_difference
from server.ledger import Ledger
from server.state import ServerState

NAME = re.compile(r"round-(\d+)\.safetensors")
BEST = "best.safetensors"
"""Of the best round so far, where ``evaluation.keep`` asks for it."""


def save_checkpoint(
    directory: Path, state: ServerState, ledger: Ledger, config: Config, kept: int | None = None
) -> None:
    """Write the state after a round, and let go of the oldest.

    Parameters
    ----------
    config : Config
        Of the run; what goes on from the checkpoint must have the same.
    kept : int, optional
        Checkpoints that stay, this one included; by default ``server.checkpoints``.
    """
    _write(path_of(directory, state.completed), state, ledger, config)
    for number in checkpoints(directory)[: -(kept or config.server.checkpoints)]:
        path_of(directory, number).unlink()


def save_best(directory: Path, state: ServerState, ledger: Ledger, config: Config) -> None:
    """Write the state after the best round, replacing the best before."""
    _write(directory / BEST, state, ledger, config)


def _write(path: Path, state: ServerState, ledger: Ledger, config: Config) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {f"model/{key}": value for key, value in state.model.items()}
    for age, model in enumerate(state.recent):
        tensors |= {f"recent{age}/{key}": value for key, value in model.items()}
    tensors |= {f"moments/{key}": value for key, value in state.moments.items()}
    tensors |= {f"kept/{key}": value for key, value in state.kept.items()}
    tensors |= {f"anchors/{key}": value for key, value in state.anchors.items()}
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
        "asked": ledger.asked,
        "failures": ledger.failures,
        "warnings": ledger.warnings,
        "movements": [asdict(moved) for moved in ledger.movements],
    }
    told = {"ledger": json.dumps(account), "config": json.dumps(_decisive(config))}
    write_tensors(path, tensors, told | {"sha256": _digest(tensors, told)})


def checkpoints(directory: Path) -> list[int]:
    """Return the rounds of which there is a checkpoint, in ascending order."""
    found = (NAME.fullmatch(path.name) for path in directory.glob("round-*.safetensors"))
    return sorted(int(match[1]) for match in found if match)


def path_of(directory: Path, number: int) -> Path:
    """Return the file of the checkpoint after a round."""
    return directory / f"round-{number:05d}.safetensors"


def go_back(directory: Path, number: int, config: Config) -> None:
    """Forget the checkpoints after a round, so that a run goes on from there.

    Raises
    ------
    ConfigError
        If there is no checkpoint of the round.
    DataError
        If it cannot be used.
    """
    found = checkpoints(directory)
    if number not in found:
        kept = ", ".join(map(str, found)) or "none"
        raise ConfigError(f"--from-round {number}: no checkpoint of that round; there are: {kept}")
    load_checkpoint(directory, config, number)
    for later in found:
        if later > number:
            path_of(directory, later).unlink()


def load_checkpoint(
    directory: Path, config: Config | None = None, number: int | None = None
) -> tuple[ServerState, Ledger] | None:
    """Read the state to go on from, and its ledger; None if no round was completed.

    Parameters
    ----------
    config : Config, optional
        That the checkpoint must be of.
    number : int, optional
        Of the round; by default the last.

    Raises
    ------
    DataError
        If the file is there but is not as it was written, or is of another configuration.
    """
    found = checkpoints(directory)
    if not found:
        return None
    return _load(path_of(directory, found[-1] if number is None else number), config)


def load_best(directory: Path, config: Config) -> tuple[ServerState, Ledger] | None:
    """Read the state after the best round; None if there is none.

    Raises
    ------
    DataError
        As `load_checkpoint` does.
    """
    path = directory / BEST
    return _load(path, config) if path.exists() else None


NotNegativeWhole = Annotated[Whole, Field(ge=0)]


class _Written(RootModel[dict[str, Any]]):
    """The configuration that a checkpoint is of, as it was written."""


class _Account(Section):
    """What a checkpoint holds beside tensors."""

    completed: NotNegativeWhole
    recent: Annotated[NotNegativeWhole, Field(le=1000)]
    down: dict[str, NotNegativeWhole]
    up: dict[str, NotNegativeWhole]
    transport: TransportCount
    wall: dict[str, NotNegative]
    seconds_per_case: SecondsPerCase | None
    virtual_seconds: NotNegative
    asked: dict[str, dict[str, NotNegativeWhole]] = Field(default_factory=dict)
    failures: list[dict[str, Any]]
    warnings: list[str]
    movements: list[Movement]


def _load(path: Path, config: Config | None) -> tuple[ServerState, Ledger]:
    tensors, account = _read(path, config)
    try:
        bank = bank_from_tensors(tensors, "bank/")
    except TypeError:
        raise DataError(f"{path}: not a checkpoint: its bank is not whole") from None
    state = ServerState(
        model=under(tensors, "model/"),
        completed=account.completed,
        recent=tuple(under(tensors, f"recent{age}/") for age in range(account.recent)),
        moments=under(tensors, "moments/"),
        bank=bank,
        kept=under(tensors, "kept/"),
        anchors=under(tensors, "anchors/"),
    )
    ledger = Ledger(
        transport=account.transport,
        wall=account.wall,
        seconds_per_case=account.seconds_per_case,
        virtual_seconds=account.virtual_seconds,
        asked=account.asked,
        failures=account.failures,
        warnings=account.warnings,
        movements=account.movements,
    )
    earlier = Traffic()
    earlier.down.update(account.down)
    earlier.up.update(account.up)
    ledger.traffic.add(earlier)
    return state, ledger


def _read(path: Path, config: Config | None) -> tuple[dict[str, NDArray[Any]], _Account]:
    """Return tensors and account of a checkpoint that is as it was written."""
    try:
        tensors = read_tensors(path)
        with safe_open(path, framework="numpy") as opened:
            metadata: dict[str, str] = opened.metadata() or {}
        told = {name: metadata[name] for name in ("ledger", "config")}
        whole = metadata["sha256"] == _digest(tensors, told)
        written = _Written.model_validate_json(told["config"]).root
        account = _Account.model_validate_json(told["ledger"])
    except ValidationError as error:
        raise DataError(f"{path}: not a checkpoint: {one_line(error, _Account)}") from None
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: not a checkpoint that can be read ({error})") from None
    names = (BEST, path_of(path.parent, account.completed).name)
    if not whole or path.name not in names:
        others = [n for n in checkpoints(path.parent) if path_of(path.parent, n) != path]
        hint = f"; --from-round {others[-1]} goes back to the one before" if others else ""
        raise DataError(f"{path}: damaged or changed: it is not what was written{hint}")
    difference = "" if config is None else first_difference(_decisive(config), written)
    if difference:
        raise DataError(
            f"{path}: of a run with another {difference}; give config.yaml back what it had, or "
            "begin a new run"
        )
    return tensors, account


def _decisive(config: Config) -> dict[str, Any]:
    """Return all of a configuration but what may change when a run is resumed."""
    content: dict[str, Any] = json.loads(config.model_dump_json())
    return {key: value for key, value in content.items() if key != "engine"}


def _digest(tensors: Mapping[str, NDArray[Any]], told: Mapping[str, str]) -> str:
    """Return a checksum over names, types, shapes and bytes."""
    digest = hashlib.sha256(json.dumps(dict(told), sort_keys=True).encode())
    for name in sorted(tensors):
        value = np.asarray(tensors[name], order="C")
        digest.update(f"{name} {value.dtype.str} {value.shape}\n".encode())
        digest.update(value.data if value.size else b"")
    return digest.hexdigest()


def seconds_record(seconds_per_case: SecondsPerCase | None) -> dict[str, dict[str, float]] | None:
    """Return the seconds_per_case as ``clock.seconds_per_case`` takes it."""
    return (
        None
        if seconds_per_case is None
        else {work: s.model_dump() for work, s in seconds_per_case.items()}
    )
