"""Checkpoints: a good one, spoiled byte by byte, or edited with a checksum that fits."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load, save

from fed.config import Config, resolve
from fed.prototypes import Prototypes
from server.alarm import Movement
from server.checkpoint import _digest, load_checkpoint, path_of, save_checkpoint
from server.ledger import Ledger
from server.state import ServerState
from tests.acceptance.federations import tiny
from tests.fuzz.batches import VALUES, chosen, command, spoiled_bytes

NUMBER = 2


@cache
def config() -> Config:
    """Return the configuration that the checkpoint is of."""
    return resolve(tiny(method="experts"))


@cache
def good(folder: Path) -> bytes:
    """Return the bytes of a good checkpoint."""
    model = {"fundus_head.w": np.arange(6, dtype=np.float32).reshape(2, 3), "a.n": np.array(3)}
    clusters = Prototypes(
        np.array([0, 1]), np.ones((2, 4), np.float32), np.ones((2, 4), np.float32),
        np.array([3, 5], np.float32),
    )  # fmt: skip
    ledger = Ledger(movements=[Movement(0, {"fundus_head": 0.5})], warnings=["a warning"])
    state = ServerState(model, NUMBER, (model, model), {"m/fundus_head.w": model["fundus_head.w"]})
    state.bank["oct"] = clusters  # type: ignore[index]
    save_checkpoint(folder, state, ledger, config())
    return path_of(folder, NUMBER).read_bytes()


def edited(content: bytes, folder: Path, random: np.random.Generator) -> bytes:
    """Return a checkpoint that somebody has edited who knows how the checksum is made."""
    tensors = load(content)
    (folder / "copy").write_bytes(content)
    with safe_open(folder / "copy", framework="numpy") as opened:
        told = dict(opened.metadata())
    del told["sha256"]
    kind = random.integers(4)
    if kind == 0:
        name = chosen(random, sorted(tensors))
        array: np.ndarray = tensors.pop(name)
        change = chosen(random, ["gone", "renamed", "reshaped", "retyped", "not finite"])
        if change == "renamed":
            tensors[chosen(random, ["more", "bank/ct.means", "recent7/a", "model/"])] = array
        elif change != "gone":
            flat = array.reshape(-1)
            wide = flat.astype(np.float16) if change == "retyped" else flat
            tensors[name] = np.full_like(wide, np.nan) if change == "not finite" and \
                wide.dtype.kind == "f" else wide  # fmt: skip
    else:
        key = "ledger" if kind < 3 else "config"
        account: Any = json.loads(told[key])
        where = chosen(random, sorted(account))
        if random.random() < 0.3:
            del account[where]
        else:
            account[where] = chosen(random, VALUES)
        told[key] = json.dumps(chosen(random, [account] * 8 + [[], 7, None, "text"]))
    return save(tensors, told | {"sha256": _digest(tensors, told)})


def try_one(random: np.random.Generator, folder: Path) -> None:
    """Read a checkpoint as a resumed run does."""
    whole = good(folder)
    by_hand = random.random() < 0.5
    content = edited(whole, folder, random) if by_hand else spoiled_bytes(whole, random)
    path_of(folder, NUMBER).write_bytes(content)
    load_checkpoint(folder, config())


if __name__ == "__main__":
    command(try_one)
