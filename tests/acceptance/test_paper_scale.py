"""The published networks at their published sizes, on a machine without a GPU."""

import json
from pathlib import Path

import pytest

from benchmarks.paper_scale import ENGINES, measure

LIMIT_GIB = 20


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_a_round_of_each_phase_fits_in_20_gib(engine: str, tmp_path: Path) -> None:
    row = measure(engine, tmp_path)
    print(f"{engine}: {row.seconds:.0f} s, {row.peak_gib:.1f} GiB at most")
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["failures"] == []
    assert results["rounds_completed"] == 2
    assert row.peak_gib < LIMIT_GIB
