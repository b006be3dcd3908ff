"""A run made of parts of one's own alone, on both engines; the sources know none of them."""

import json
from pathlib import Path

import pytest

from fed.config import Config, dump, load
from fed.data.opening import open_source
from fed.parts import KINDS
from server.simulation import simulate

HERE = "tests.own_parts.parts"


def federation(folder: Path, engine: str) -> Config:
    """Return a federation that names a part of one's own of every kind."""
    owns = {"both": ["fundus", "oct"], "fundus": ["fundus"], "oct": ["oct"]}
    sites = [{"name": name, "modalities": m, "cases": 0.25} for name, m in owns.items()]
    unseen = {"name": "unseen", "role": "held_out", "modalities": owns["both"], "cases": 0.25}
    return load(
        {
            "name": "own",
            "task": {"classes": ["healthy", "ill"]},
            "data": {
                "source": f"{HERE}:Squares",
                "path": str(folder / "eyes"),
                "image_size": 32,
                "volume_size": [1, 32, 32],
            },
            "sites": [*sites, unseen],
            "model": {
                "encoders": {
                    "fundus": {"use": f"{HERE}:ThumbnailFundus", "features": 8},
                    "oct": f"{HERE}:ThumbnailOct",
                }
            },
            "method": {
                "base": "one_phase",
                "name": "own",
                "fill": {"use": f"{HERE}:Constant", "value": 0.25},
                "align": f"{HERE}:First",
                "fusion": f"{HERE}:Gated",
                "loss": f"{HERE}:Smoothed",
                "terms": [f"{HERE}:Small"],
                "weight": f"{HERE}:Root",
                "reduce": f"{HERE}:Halfway",
                "server_optimizer": f"{HERE}:Sign",
            },
            "attack": {"sites": ["fundus"], "how": f"{HERE}:Stubborn"},
            "training": {"rounds": 2, "batch_size": 8},
            "evaluation": {"bootstrap": 20, "metrics": [f"{HERE}:Certainty"]},
            "engine": {"name": engine, "workers": 1},
            "trackers": [f"{HERE}:Diary"],
        }
    )


def run(folder: Path, name: str, engine: str) -> Path:
    """Run it; return the folder of the run."""
    config = federation(folder, engine)
    simulate(config, open_source(config), folder / name, [])
    return folder / name


@pytest.fixture(scope="module")
def inline(tmp_path_factory) -> Path:
    return run(tmp_path_factory.mktemp("own"), "inline", "inline")


def test_every_kind_of_part_is_one_of_ones_own(tmp_path):
    written = dump(federation(tmp_path, "inline"))
    method = federation(tmp_path, "inline").method
    assert method.fill.value == 0.25
    assert load([_file(tmp_path, written)]) == federation(tmp_path, "inline")
    assert written.count(HERE) == len(KINDS) + 1  # partners stand at both kinds of sites


def _file(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text)
    return path


def test_a_run_of_them_ends_with_a_report(inline):
    assert (inline / "report.html").exists()
    results = json.loads((inline / "results.json").read_text())
    assert results["failures"] == []
    assert f"a simulated attack by fundus: {HERE}:Stubborn" in results["warnings"]
    pooled = results["held_out"]["pooled"]["both"]
    assert pooled[f"{HERE}:Certainty"]["value"] == pytest.approx(1.0)
    assert (inline / "diary.txt").read_text().split("\n")[:3] == ["round 1", "round 2", "the end"]
    lines = (inline / "rounds.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["reductions"]["classifier"] == {"half": 1.0}


def test_workers_on_ray_load_them_too_and_give_the_same_bytes(inline):
    ray = run(inline.parent, "ray", "ray")
    for name in ("predictions.csv", "model.safetensors"):
        assert (ray / name).read_bytes() == (inline / name).read_bytes()
