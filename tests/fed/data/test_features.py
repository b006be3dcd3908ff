import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

import fedrima
from fed.config import Config, resolve
from fed.data import reading
from fed.data.opening import open_source, prepare_images
from fed.data.readers import readers
from fed.errors import ConfigError, DataError
from simulate import command

WIDTH = 5


class Moments(nn.Module):
    """What an image's brightness gives away, and four constants."""

    def forward(self, images: Tensor) -> Tensor:
        brightness = images.flatten(1).mean(dim=1, keepdim=True)
        return torch.cat([brightness, torch.ones(len(images), 4)], dim=1)


@pytest.fixture(params=["scripted.pt", "exported.pt2"])
def encoder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / request.param
    if path.suffix == ".pt2":
        torch.export.save(torch.export.export(Moments(), (torch.zeros(1, 1, 1, 16, 16),)), path)
    else:
        torch.jit.save(torch.jit.script(Moments()), path)
    return path


def frozen(config: Config, **frozen: Any) -> Config:
    raw = json.loads(config.model_dump_json())
    raw["model"]["frozen"] = frozen
    return resolve(raw)


@pytest.fixture
def eyes(
    configuration: Callable[..., Config], pairs: Callable[..., Path], tmp_path: Path
) -> Config:
    pairs(16)
    return configuration(prepared=str(tmp_path / "prepared"))


def test_rounds_run_on_features_that_the_encoder_gave_once(
    eyes: Config, encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = frozen(eyes, oct={"encoder": str(encoder), "features": WIDTH})
    decoded = open_source(frozen(eyes).model_copy(update={"data": unprepared(eyes)}))
    assert prepare_images(config, 1) == 32
    assert prepare_images(config, 1) == 0
    source = open_source(config)
    for site in source.sites:
        cases, images = source.open(site.name), decoded.open(site.name).images
        for index in range(len(cases)):
            feature = cases.images.oct(index)
            expected = [images.oct(index).mean() / 255, 1, 1, 1, 1]
            np.testing.assert_allclose(feature, expected, rtol=1e-5)
            assert cases.images.fundus(index).shape == (3, 16, 16)
    path = tmp_path / "federation.yaml"
    path.write_text(config.model_dump_json())
    run = tmp_path / "run"
    arguments = [str(path), "--out", str(run), "--quiet", "--set", "training.rounds=2"]

    opened: list[object] = []
    monkeypatch.setattr(
        reading, "open_oct", lambda *image: opened.append(image) or open_oct(*image)
    )
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0, done.output
    assert len(opened) == 4, "the report shows an eye of each grade and group; rounds read none"
    results = json.loads((run / "results.json").read_text())
    assert results["failures"] == []
    assert set(results["held_out"]["pooled"]) == {"both", "fundus", "oct"}


open_oct = reading.open_oct


def unprepared(config: Config) -> Any:
    return config.data.model_copy(update={"prepared": None})


def test_another_encoder_makes_features_stale(eyes: Config, tmp_path: Path) -> None:
    path = tmp_path / "encoder.pt"
    torch.jit.save(torch.jit.script(Moments()), path)
    config = frozen(eyes, oct={"encoder": str(path), "features": WIDTH})
    prepare_images(config, 1)
    other = tmp_path / "other.pt"
    torch.jit.save(torch.jit.script(nn.Sequential(Moments(), nn.ReLU())), other)
    with pytest.raises(DataError, match="lacks 16 of the images"):
        open_source(frozen(eyes, oct={"encoder": str(other), "features": WIDTH}))


def test_an_encoder_is_known_by_what_it_depends_on(eyes: Config) -> None:
    config = frozen(eyes, oct={"encoder": "own"})
    other = json.loads(config.model_dump_json())
    other |= {"name": "other", "method": "analytic"}
    other["training"]["rounds"] = 7
    other["sites"][0]["role"], other["sites"][-1]["role"] = "held_out", "train"
    larger = json.loads(config.model_dump_json())
    larger["data"]["volume_size"] = [1, 32, 32]
    reader, same, differs = (
        readers(found)["oct"] for found in (config, resolve(other), resolve(larger))
    )
    assert reader == same != differs


def test_features_of_the_networks_own_encoder_do_not_depend_on_the_workers(
    eyes: Config, tmp_path: Path
) -> None:
    config = frozen(eyes, fundus={"encoder": "own"}, oct={"encoder": "own"})
    stored = []
    for workers in (1, 2):
        prepare_images(config, workers)
        prepared = tmp_path / "prepared"
        stored.append({f.relative_to(prepared): f.read_bytes() for f in prepared.rglob("*.npy")})
        prepared.rename(tmp_path / f"prepared-{workers}")
    assert len(stored[0]) == 32
    assert stored[0] == stored[1]


@pytest.mark.parametrize(
    ("encoder", "features", "message"),
    [
        ("absent.pt", WIDTH, "absent.pt: there is no such file"),
        ("text.pt", WIDTH, "text.pt: no encoder of torch.export or TorchScript"),
        ("text.onnx", WIDTH, "read from .pt2, .pt, .pth, .ts files"),
        ("good.pt", 7, "oct.features: 7, but .*good.pt gives 5"),
    ],
)
def test_a_bad_encoder_is_refused(
    eyes: Config, tmp_path: Path, encoder: str, features: int, message: str
) -> None:
    (tmp_path / "text.pt").write_text("nothing")
    (tmp_path / "text.onnx").write_text("nothing")
    torch.jit.save(torch.jit.script(Moments()), tmp_path / "good.pt")
    config = frozen(
        eyes.model_copy(update={"data": unprepared(eyes)}),
        oct={"encoder": str(tmp_path / encoder), "features": features},
    )
    cases = open_source(config, check=False).open("clinic")
    with pytest.raises(ConfigError, match=message):
        cases.images.oct(0)


@pytest.mark.parametrize("wrong", [{"encoder": "own", "features": 3}, {"encoder": "file.pt2"}])
def test_the_width_is_needed_with_a_file_alone(eyes: Config, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="features: needed with a file"):
        frozen(eyes, oct=wrong)


def test_a_site_alone_answers_with_what_it_trained_a_head_of(eyes: Config, tmp_path: Path) -> None:
    """With frozen encoders nobody sends one: the head tells what a site owns."""
    raw = json.loads(
        frozen(eyes, fundus={"encoder": "own"}, oct={"encoder": "own"}).model_dump_json()
    )
    raw["data"]["prepared"] = None
    raw |= {"method": "local", "training": {"rounds": 1}, "engine": {"name": "inline"}}
    clinic, unseen = raw["sites"]
    raw["sites"] = [
        clinic | {"name": name, "modalities": [name], "cases": 0.3} for name in ("fundus", "oct")
    ] + [unseen | {"cases": 0.4}]
    run = fedrima.run(raw, out=tmp_path / "run")
    assert not run.results.failures
    both, fundus, scan = (
        run.results.held_out.pooled[condition]["nll"].value
        for condition in ("both", "fundus", "oct")
    )
    assert both == pytest.approx((fundus + scan) / 2)
