"""What a run goes on from is what was written, of this configuration, or it is refused by name."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save

from fed.config import resolve
from fed.errors import ConfigError, DataError
from server.alarm import Movement
from server.checkpoint import checkpoints, go_back, load_checkpoint, path_of, save_checkpoint
from server.ledger import Ledger
from server.state import ServerState
from tests.acceptance.federations import tiny

CONFIG = resolve(tiny(method="experts"))
MODEL = {"fundus_head.w": np.arange(6, dtype=np.float32).reshape(2, 3), "a.count": np.array(3)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ledger = Ledger(movements=[Movement(0, {"fundus_head": 0.5})])
    for number in range(1, 6):
        save_checkpoint(tmp_path, ServerState(MODEL, number), ledger, CONFIG)
    return tmp_path


def changed(path: Path, tensors=None, **account) -> None:
    """Write a checkpoint as somebody would who edits it."""
    found = load_file(path)
    with safe_open(path, framework="numpy") as opened:
        metadata = opened.metadata()
    ledger = json.loads(metadata["ledger"]) | account
    path.write_bytes(save(tensors or found, metadata | {"ledger": json.dumps(ledger)}))


def test_the_last_few_stay_and_the_last_is_read(folder: Path) -> None:
    assert checkpoints(folder) == [3, 4, 5]
    state, ledger = load_checkpoint(folder, CONFIG)
    assert state.completed == 5
    np.testing.assert_array_equal(state.model["fundus_head.w"], MODEL["fundus_head.w"])
    assert ledger.movements == [Movement(0, {"fundus_head": 0.5})]


def test_none_is_no_checkpoint(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path, CONFIG) is None


@pytest.mark.parametrize("place", [-1, -13, 40])
def test_a_flipped_bit_is_found_wherever_it_is(folder: Path, place: int) -> None:
    path = path_of(folder, 5)
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"round-00005\.safetensors"):
        load_checkpoint(folder, CONFIG)


def test_what_is_damaged_names_the_one_before(folder: Path) -> None:
    changed(path_of(folder, 5), {"model/a.count": np.array(3)})
    with pytest.raises(DataError, match=r"damaged or changed.*--from-round 4"):
        load_checkpoint(folder, CONFIG)


@pytest.mark.parametrize("account", [{"completed": 99}, {"recent": 1}, {"warnings": ["no"]}])
def test_an_edited_account_is_refused(folder: Path, account: dict[str, object]) -> None:
    changed(path_of(folder, 5), **account)
    with pytest.raises(DataError, match="damaged or changed"):
        load_checkpoint(folder, CONFIG)


def test_a_checkpoint_under_another_number_is_refused(folder: Path) -> None:
    path_of(folder, 5).rename(path_of(folder, 9))
    with pytest.raises(DataError, match="damaged or changed"):
        load_checkpoint(folder, CONFIG)


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"not a checkpoint"])
def test_a_file_of_something_else_is_refused(folder: Path, content: bytes) -> None:
    path_of(folder, 5).write_bytes(content)
    with pytest.raises(DataError, match="not a checkpoint that can be read"):
        load_checkpoint(folder, CONFIG)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"seed": 7}, r"seed \(0, here 7\)"),
        (
            {"training": {"rounds": 3, "batch_size": 8, "lr": 0.004}},
            r"training\.lr \(0\.003, here 0",
        ),
        (
            {"data": {"image_size": 64, "volume_size": [4, 32, 32]}},
            r"data\.image_size \(32, here 64",
        ),
    ],
)
def test_an_edited_configuration_is_refused_by_its_key(folder, changes, named) -> None:
    with pytest.raises(DataError, match=named):
        load_checkpoint(folder, resolve(tiny(method="experts", **changes)))


def test_an_engine_may_change(folder: Path) -> None:
    assert load_checkpoint(folder, resolve(tiny(method="experts", engine={"name": "ray"})))


def test_going_back_forgets_what_came_after(folder: Path) -> None:
    go_back(folder, 3, CONFIG)
    assert checkpoints(folder) == [3]
    with pytest.raises(
        ConfigError, match="--from-round 1: no checkpoint of that round; there are: 3"
    ):
        go_back(folder, 1, CONFIG)
