"""What each option of training at clinical size may change, and what not."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim import AdamW

from clients.gradient_accumulation import GradientAccumulator
from clients.site import LocalSite, forget_network, open_site
from clients.training import train
from fed.config import Config, resolve
from fed.errors import ConfigError
from fed.initial import initial_model
from fed.protocol import TrainTask, Update

SITE: Mapping[str, Any] = {"modalities": ["fundus", "oct"], "cases": 8}


def config(**changes: Mapping[str, Any]) -> Config:
    raw: dict[str, Any] = {
        "task": {"classes": ["healthy", "ill"]},
        "data": {"image_size": 32, "volume_size": [8, 16, 16]},
        "sites": [{"name": "clinic", **SITE}, {"name": "unseen", "role": "held_out", **SITE}],
        "method": "experts",
    }
    model = {"scale": "medium"} | changes.get("model", {})
    training = {"optimizer": "sgd", "batch_size": 8, "augment": False} | changes.get("training", {})
    return resolve(raw | {"model": model, "training": training})


def site_of(federation: Config) -> LocalSite:
    return open_site(federation, "clinic")


def trained(federation: Config) -> Update:
    task = TrainTask(1, 0, 0.01, initial_model(federation), {})
    return train(site_of(federation), task)


def assert_close(update: Update, expected: Update, tolerance: float) -> None:
    assert update.parameters.keys() == expected.parameters.keys()
    for name, value in update.parameters.items():
        assert value.dtype == expected.parameters[name].dtype
        np.testing.assert_allclose(
            value, expected.parameters[name], rtol=tolerance, atol=tolerance, err_msg=name
        )


def test_checkpointing_computes_the_same() -> None:
    assert_close(trained(config(training={"checkpointing": True})), trained(config()), 1e-4)


@pytest.mark.parametrize("scale", ["small", "medium"])
def test_channels_last_computes_the_same(scale: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under group normalisation: the moments of eight small images magnify rounding."""
    federation = config(model={"scale": scale, "normalisation": "group"})
    update = trained(federation)
    monkeypatch.setattr("model.network.LAYOUTS", {})
    forget_network()
    expected = trained(federation)
    forget_network()
    assert_close(update, expected, 1e-4)


@pytest.mark.parametrize("private", [False, True])
def test_a_site_steps_as_adamw_steps(private: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fused step reads memory as it lies: weights and gradients must lie alike."""
    how: dict[str, Any] = {"training": {"optimizer": "adamw"}}
    if private:
        how |= {"model": {"normalisation": "group"}, "privacy": {"epsilon": 8.0}}
    update = trained(config(**how))

    def unfused(weights: Any, fused: bool, **options: Any) -> torch.optim.Optimizer:
        return AdamW(weights, foreach=False, **options)

    monkeypatch.setattr("torch.optim.AdamW", unfused)
    assert_close(update, trained(config(**how)), 1e-4)


def test_what_is_sent_lies_in_one_order_whatever_the_layout() -> None:
    update = trained(config())
    assert update.parameters["oct_encoder.conv1.weight"].ndim == 5
    assert all(value.flags.c_contiguous for value in update.parameters.values())


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_lower_precision_is_close_but_not_the_same(precision: str) -> None:
    plain, low = (config(training={"precision": p}) for p in ("fp32", precision))
    network = site_of(plain).network(initial_model(plain))
    rows = np.arange(8)
    exact = site_of(plain).encode_frozen(network, rows)
    rounded = site_of(low).encode_frozen(network, rows)
    for one, other in ((exact.fundus, rounded.fundus), (exact.oct, rounded.oct)):
        assert other.dtype == torch.float32
        assert not torch.equal(one, other)
        torch.testing.assert_close(one, other, rtol=0.05, atol=0.05 * float(one.abs().max()))
    update = trained(low)
    assert all(value.dtype != np.float16 for value in update.parameters.values())
    assert update.losses["experts"] == pytest.approx(trained(plain).losses["experts"], rel=0.05)
    assert update.losses.get("skipped_steps", 0.0) == 0.0


def test_accumulated_gradients_are_those_of_the_whole_batch() -> None:
    """Under group normalisation, where a case does not depend on its batch."""
    whole = trained(config(model={"normalisation": "group"}))
    parts = trained(config(model={"normalisation": "group"}, training={"accumulate": 3}))
    assert parts.examples == whole.examples
    assert_close(parts, whole, 1e-4)


def test_parts_of_a_batch_have_two_cases_at_least() -> None:
    assert np.isfinite(trained(config(training={"accumulate": 100})).losses["experts"])


def test_group_normalisation_has_no_statistics_to_send() -> None:
    assert not [
        n for n in trained(config(model={"normalisation": "group"})).parameters if "run" in n
    ]


def test_local_statistics_stay_at_the_site_and_are_those_of_its_images() -> None:
    federation = config(model={"normalisation": "local"})
    update = trained(federation)
    assert not [name for name in update.parameters if "running" in name or "batches" in name]
    assert "fundus_encoder.bn1.weight" in update.parameters
    received = dict(initial_model(federation))
    features = []
    for shift in (0.0, 5.0):
        received["fundus_encoder.conv1.1.running_mean"] = np.full(8, shift, np.float32)
        site = site_of(federation)
        network = site.network(received)
        features.append(site.encode_frozen(network, np.arange(8)).fundus)
    assert torch.equal(*features)
    first_norm = network.get_submodule("fundus_encoder.conv1.1")
    maps: list[torch.Tensor] = []
    first_norm.register_forward_hook(lambda _, inputs, __: maps.append(inputs[0]))
    network.encode(site.images.batch(np.arange(8)))
    torch.testing.assert_close(first_norm.running_mean, maps[0].mean(dim=(0, 2, 3)))


def test_a_step_that_overflows_is_left_out_and_counted() -> None:
    weight = torch.nn.Parameter(torch.ones(2))
    accumulator = GradientAccumulator(
        torch.optim.SGD([weight], lr=0.1), scaled=True, device=torch.device("cpu")
    )
    accumulator.add((weight * torch.tensor([1.0, float("inf")])).sum())
    accumulator.step()
    assert torch.equal(weight, torch.ones(2))
    accumulator.add(weight.sum())
    accumulator.step()
    torch.testing.assert_close(weight.detach(), torch.full((2,), 0.9))
    assert (accumulator.steps, accumulator.skipped) == (2, 1)


def test_checkpointing_without_blocks_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"training\.checkpointing: .* medium, paper"):
        config(model={"scale": "small"}, training={"checkpointing": True})


def test_options_reach_a_site_by_the_configuration_alone() -> None:
    federation = config(training={"checkpointing": True})
    assert json.loads(federation.model_dump_json())["training"]["checkpointing"] is True
    network = site_of(federation).network(initial_model(federation))
    assert network.fundus_encoder.checkpoint is True


def test_encoders_are_channels_last() -> None:
    network = site_of(config()).network(initial_model(config()))
    image = network.get_parameter("fundus_encoder.conv1.0.weight")
    assert image.is_contiguous(memory_format=torch.channels_last)
    volume = network.get_parameter("oct_encoder.conv1.weight")
    assert volume.is_contiguous(memory_format=torch.channels_last_3d)


def test_an_encoder_of_volumes_may_have_convolutions_of_images() -> None:
    """As those that read a volume scan by scan."""
    pytest.importorskip("efficientnet_lite_pytorch")
    drawn = {"use": "efficientnet_lite0", "pretrained": False}
    federation = config(model={"encoders": {"oct": drawn}})
    network = site_of(federation).network(initial_model(federation))
    weight = network.get_parameter("oct_encoder.network.network._conv_stem.weight")
    assert weight.is_contiguous(memory_format=torch.channels_last)
