"""Five sources of five kinds in one federation: in this process, on Ray, and deployed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import fedrima
from deploy.loopback import Loopback
from fed.config import Config, load
from fed.data.opening import open_own, open_source
from fed.errors import DataError
from tests.acceptance.five_kinds import CONFIG, EYES, PLACES, overrides, write_sources
from tests.acceptance.test_deployment import (
    NEEDS_NGINX,
    RUN_S,
    assert_same_results,
    processes,
    wait_until,
)

SITES = ("hospital", "idrid", "heidelberg", "phantoms", "unseen")


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, str]:
    return write_sources(tmp_path / "eyes")


@pytest.fixture
def config(paths: dict[str, str]) -> Config:
    return load([Path(CONFIG)], overrides(paths))


def run(paths: dict[str, str], out: Path, engine: str) -> Path:
    asked = [*overrides(paths), f"engine.name={engine}"]
    fedrima.run(CONFIG, dict(_split(override) for override in asked), out=out)
    return out


def _split(override: str) -> tuple[str, object]:
    import yaml

    key, _, value = override.partition("=")
    return key, yaml.safe_load(value)


def test_all_of_them_take_part(paths: dict[str, str], tmp_path: Path) -> None:
    out = run(paths, tmp_path / "run", "inline")
    results = json.loads((out / "results.json").read_text())
    assert [site["name"] for site in results["sites"]] == list(SITES)
    assert results["failures"] == []
    cases = {site["name"]: site["cases"] for site in results["sites"]}
    half = EYES // 2
    assert cases["hospital"]["both"] == cases["unseen"]["both"] == [half, half]
    assert cases["idrid"]["fundus"] == [EYES, EYES]
    assert cases["heidelberg"]["oct"] == [half, half]
    assert sum(cases["phantoms"]["both"]) == 40
    assert {"both", "fundus", "oct"} == set(results["held_out"]["pooled"])


def test_each_site_reads_its_own_alone(config: Config, paths: dict[str, str]) -> None:
    whole = open_source(config)
    for name in PLACES:
        own = open_own(config, name, paths[name])
        own.check()
        ours, theirs = own.open(name), whole.open(name)
        assert ours.cases == theirs.cases
        modality = ours.site.modalities[0]
        pixels = [getattr(site.images, modality)(0) for site in (ours, theirs)]
        assert (pixels[0] == pixels[1]).all()
    with pytest.raises(DataError):
        open_own(config, "hospital", paths["idrid"])


@pytest.mark.slow
def test_ray_gives_the_same_bytes(paths: dict[str, str], tmp_path: Path) -> None:
    inline, ray = (run(paths, tmp_path / engine, engine) for engine in ("inline", "ray"))
    for name in ("model.safetensors", "predictions.csv"):
        assert (inline / name).read_bytes() == (ray / name).read_bytes()


@pytest.fixture
def deployed(tmp_path: Path) -> Iterator[Loopback]:
    with Loopback(tmp_path / "loopback") as started:
        for site in SITES:
            started.register(site)
        yield started
    wait_until(lambda: not processes(tmp_path), 20)


@pytest.mark.slow
@NEEDS_NGINX
def test_a_deployment_in_which_each_site_reads_its_own_gives_the_same_results(
    deployed: Loopback, paths: dict[str, str], tmp_path: Path
) -> None:
    reference = run(paths, tmp_path / "inline", "inline")
    for site in SITES:
        deployed.start_supernode(site, {"data": paths[site]} if site in paths else {})
    # What the coordinator is told of where files lie leads nowhere: only sites know.
    nowhere = overrides(dict.fromkeys(paths, str(tmp_path / "nowhere")))
    out = tmp_path / "flower"
    deployed.run({"config": CONFIG, "set": " ".join(nowhere), "out": str(out)}, RUN_S)
    assert json.loads((out / "results.json").read_text())["failures"] == []
    assert_same_results(out, reference)
