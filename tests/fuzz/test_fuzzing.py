"""Whatever a file holds: it is read, or refused in one line, soon and in little memory.

A few of each here; as many as the notes say in the slow part.
"""

import re

import pytest

from tests.fuzz.batches import run_apart

COUNTS = {"configurations": 2000, "manifests": 2000, "images": 1000, "checkpoints": 500}
FEW = 60


def tried(module: str, count: int) -> dict[str, int]:
    found = re.findall(r"(\d+) (read|refused)", run_apart(module, count))
    return {outcome: int(times) for times, outcome in found}


@pytest.mark.parametrize("module", COUNTS)
def test_a_few_spoiled_inputs_are_read_or_refused_in_one_line(module: str) -> None:
    found = tried(module, FEW)
    assert sum(found.values()) == FEW
    assert found["refused"] > 0


@pytest.mark.slow
@pytest.mark.parametrize(("module", "count"), COUNTS.items())
def test_many_spoiled_inputs_are_read_or_refused_in_one_line(module: str, count: int) -> None:
    found = tried(module, count)
    assert sum(found.values()) == count
    assert found["read"] > count / 50  # not all are refused at the door
