"""The benchmarks of the encoders' own time go their whole way on a few images."""

import json
from pathlib import Path

from benchmarks import encoders, floor_run


def test_recorded_passes_run_alone(tmp_path: Path) -> None:
    file = tmp_path / "passes.json"
    passes = [(2, 2, None, True), (0, 3, 2, False), (2, 0, None, True)]
    file.write_text(json.dumps({"passes": passes}))
    assert floor_run.replay(file, Path("configs/demo.yaml")) > 0


def test_each_way_is_held_against_the_plain_one_and_sites_together_against_sites_apart() -> None:
    rows = {row.way: row for row in encoders.measure("small", "fundus", turns=1)}
    assert set(rows) == {way.name for way in encoders.WAYS} | {"4 sites apart", "4 sites grouped"}
    assert rows["plain"].ratio == rows["4 sites apart"].ratio == 1
    assert all(row.step_s > 0 for row in rows.values())


def test_the_joined_network_of_four_sites_is_as_large_as_theirs() -> None:
    body = encoders._body(encoders._encoder("small", "oct"))
    joined = encoders._joined(body)
    assert sum(w.numel() for w in joined.parameters()) == 4 * sum(
        w.numel() for w in body.parameters()
    )
