"""A federation whose linked eyes anchor the partners of the others."""

import json
from pathlib import Path

import fedrima
from fed.storage import read_tensors
from tests.acceptance.federations import group, tiny

LAST = "round-00003.safetensors"


def test_a_run_gives_the_same_bytes_on_ray(tmp_path: Path) -> None:
    for engine in ("inline", "ray"):
        run = fedrima.run(
            tiny(method="anchored") | {"engine": {"name": engine}}, out=tmp_path / engine
        )
        assert not [words for words in run.results.warnings if "linked pairs" in words]
    for name in ("model.safetensors", "predictions.csv"):
        assert (tmp_path / "inline" / name).read_bytes() == (tmp_path / "ray" / name).read_bytes()


def test_anchors_are_kept_for_a_run_that_goes_on(tmp_path: Path) -> None:
    fedrima.run(tiny(method="anchored", engine={"name": "inline"}), out=tmp_path)
    kept = read_tensors(tmp_path / "checkpoints" / LAST)
    width = len(kept["model/transport.oct_mean"])
    assert kept["anchors/oct.offset"].shape == (2, width)
    assert kept["anchors/oct.weight"].any()


def test_anchors_decide_partners(tmp_path: Path) -> None:
    models = []
    for single in ("random", "anchored", "nearest_anchor"):
        align = {"both": "pairs", "single": single}
        method = {"base": "fedrima", "name": single, "align": align}
        fedrima.run(tiny(method=method, engine={"name": "inline"}), out=tmp_path / single)
        models.append((tmp_path / single / "model.safetensors").read_bytes())
    assert len(set(models)) == 3


def test_without_linked_eyes_partners_are_random_and_the_run_says_so(tmp_path: Path) -> None:
    sites = [
        group("clinic", ["fundus"]),
        group("imaging", ["oct"]),
        group("unseen", ["fundus", "oct"], role="held_out"),
    ]
    fedrima.run(
        tiny(method="anchored", sites=sites, engine={"name": "inline"}), out=tmp_path / "anchored"
    )
    fedrima.run(
        tiny(method="fedrima", sites=sites, engine={"name": "inline"}),
        out=tmp_path / "random",
    )
    one, other = (
        (tmp_path / name / "model.safetensors").read_bytes() for name in ("anchored", "random")
    )
    assert one == other
    told = json.loads((tmp_path / "anchored" / "results.json").read_text())["warnings"]
    assert any("no site has enough linked pairs" in words for words in told)
