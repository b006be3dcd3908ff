"""The script for whoever has a GPU goes its whole way on a CPU."""

import math
from itertools import islice

import pytest

from benchmarks import gpu


def test_every_part_gives_figures_on_a_cpu() -> None:
    size = gpu.TINY
    kernels = list(gpu.transport("cpu", size))
    assert [row.unit for row in kernels] == ["ms"] * 3
    trained = list(gpu.rounds("cpu", size))
    assert len(trained) == len(size.scales) * len(size.precisions) * len(gpu.PHASES)
    assert all(row.value > 0 and math.isfinite(row.value) for row in kernels + trained)
    assert list(gpu.memory("cpu", size)) == []


@pytest.mark.slow
def test_workers_share_the_machine() -> None:
    (row,) = islice(gpu.shares("cpu", gpu.TINY), 1)
    assert row.value > 0


def test_after_the_limit_nothing_begins(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(gpu.measure("cpu", gpu.TINY, limit_s=-1.0)) == []
    assert capsys.readouterr().out.count("left out") == len(gpu.PARTS)
