"""One patient moves a step by `clip` at most; the noise has the deviation that is stated."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from clients.noise import SeededNoise, SystemNoise, noise_of
from clients.private_steps import PatientGradients, Patients
from clients.site import LocalSite, open_site
from clients.statistics import class_statistics
from clients.training import train
from fed.config import Config, resolve
from fed.errors import ConfigError
from fed.initial import initial_model
from fed.privacy import account_of
from fed.protocol import TrainTask, TransportCount

SITE: Mapping[str, Any] = {"modalities": ["fundus", "oct"], "cases": 12}
CLIP = 0.3


def config(**changes: Any) -> Config:
    raw: dict[str, Any] = {
        "task": {"classes": ["healthy", "ill"]},
        "data": {"image_size": 32, "volume_size": [4, 32, 32]},
        "sites": [{"name": "clinic", **SITE}, {"name": "unseen", "role": "held_out", **SITE}],
        "method": "experts",
        "model": {"normalisation": "group"},
        "training": {"rounds": 2, "batch_size": 4, "optimizer": "sgd"},
        "privacy": {"epsilon": 8.0, "clip": CLIP},
    }
    return resolve(raw | changes)


def task(federation: Config, number: int = 1) -> TrainTask:
    return TrainTask(number, 0, 0.01, initial_model(federation), {})


def trained(site: LocalSite, number: int) -> dict[str, Any]:
    """Return copies of what a round trains: the site's network goes on changing."""
    update = train(site, task(site.config, number))
    return {name: value.copy() for name, value in update.parameters.items()}


def loss_of(network: nn.Module, patient: torch.Tensor) -> torch.Tensor:
    return 100.0 * network(patient).square().mean()


def sum_over(network: nn.Module, patients: list[torch.Tensor]) -> torch.Tensor:
    gradients = PatientGradients(list(network.parameters()), CLIP)
    for patient in patients:
        gradients.add(loss_of(network, patient))
    return torch.cat([total.flatten() for total in gradients.sums])


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.GroupNorm(2, 8), nn.Tanh(), nn.Linear(8, 2))


def test_without_one_patient_the_sum_moves_by_clip_at_most(network: nn.Module) -> None:
    patients = [torch.randn(eyes, 3) * 10.0**scale for scale, eyes in enumerate((1, 2, 4, 1, 3))]
    whole = sum_over(network, patients)
    for left_out in range(len(patients)):
        others = [p for number, p in enumerate(patients) if number != left_out]
        moved = float((whole - sum_over(network, others)).norm())
        assert 0 < moved <= CLIP * (1 + 1e-5)


def test_a_patient_with_other_eyes_moves_the_sum_by_twice_clip_at_most(
    network: nn.Module,
) -> None:
    patients = [torch.randn(2, 3) for _ in range(4)]
    for other in (torch.randn(2, 3), 1e6 * torch.randn(9, 3), torch.zeros(1, 3)):
        moved = sum_over(network, patients) - sum_over(network, [*patients[:-1], other])
        assert float(moved.norm()) <= 2 * CLIP * (1 + 1e-5)


def test_a_small_gradient_is_left_as_it_is(network: nn.Module) -> None:
    patient = torch.randn(2, 3)
    loss = 1e-4 * loss_of(network, patient)
    expected = torch.autograd.grad(loss, list(network.parameters()), retain_graph=True)
    gradients = PatientGradients(list(network.parameters()), CLIP)
    gradients.add(loss)
    for total, gradient in zip(gradients.sums, expected, strict=True):
        torch.testing.assert_close(total, gradient)


def test_a_gradient_that_is_no_number_counts_as_none(network: nn.Module) -> None:
    assert not sum_over(network, [torch.full((1, 3), torch.nan)]).any()


@pytest.mark.parametrize("noise", [SeededNoise(np.random.default_rng(0)), SystemNoise()])
def test_the_noise_of_a_step_has_the_stated_deviation(noise: Any) -> None:
    weight = nn.Parameter(torch.zeros(200, 200))
    gradients = PatientGradients([weight], CLIP)
    gradients.put(multiplier=1.7, expected=5.0, noise=noise)
    assert weight.grad is not None
    stated = 1.7 * CLIP / 5.0
    assert float(weight.grad.std()) == pytest.approx(stated, rel=0.02)  # 5.6 standard errors
    assert abs(float(weight.grad.mean())) < 5 * stated / 200


def test_the_sum_of_a_step_is_divided_by_the_patients_expected() -> None:
    weight = nn.Parameter(torch.zeros(1))
    gradients = PatientGradients([weight], CLIP)
    gradients.add((weight * 0.1).sum())
    gradients.add((weight * 5.0).sum())
    gradients.put(multiplier=0.0, expected=4.0, noise=SystemNoise())
    assert weight.grad is not None
    assert weight.grad.item() == pytest.approx((0.1 + CLIP) / 4.0)
    assert not gradients.sums[0].any()


def test_each_patient_is_drawn_whole_and_with_the_stated_probability() -> None:
    patients = Patients(["b", "a", "b", "c", "a", "b"])
    noise = SeededNoise(np.random.default_rng(0))
    draws = [list(patients.drawn(0.3, noise)) for _ in range(2000)]
    assert {tuple(own.tolist()) for drawn in draws for own in drawn} == {(0, 2, 5), (1, 4), (3,)}
    shares = np.mean([len(drawn) for drawn in draws]) / 3
    assert shares == pytest.approx(0.3, abs=0.03)


@pytest.fixture(scope="module")
def site() -> LocalSite:
    return open_site(config(), "clinic")


def test_a_round_adds_noise_of_the_stated_deviation_to_every_weight(site: LocalSite) -> None:
    """With a clip near 0 a step of SGD is the noise alone."""
    federation = config(
        privacy={"epsilon": 8.0, "clip": 1e-4},
        training={
            "rounds": 1,
            "batch_size": 12,
            "optimizer": "sgd",
            "weight_decay": 0.0,
            "augment": False,
        },
    )
    clinic = open_site(federation, "clinic")
    asked = replace(task(federation), lr=1e3)
    update = train(clinic, asked)
    account = account_of(federation, clinic.card)
    assert account is not None
    assert account.mechanisms["encoders"].steps == 1
    moved = np.concatenate(
        [(v - asked.parameters[k]).ravel() for k, v in update.parameters.items()]
    )
    stated = 1e3 * account.multiplier * 1e-4 / 12
    assert moved.std() == pytest.approx(stated, rel=0.05)


def test_a_round_tells_nothing_of_what_was_drawn(site: LocalSite) -> None:
    update = train(site, task(site.config))
    assert update.losses == {}
    assert update.transport == TransportCount()
    assert update.examples == 12


def test_a_simulation_draws_the_same_noise_again_and_other_noise_in_other_rounds(
    site: LocalSite,
) -> None:
    first, again, next_round = (trained(site, n) for n in (1, 1, 2))
    for name, value in first.items():
        np.testing.assert_array_equal(value, again[name])
    assert any((value != next_round[name]).any() for name, value in first.items())


def test_a_deployed_site_draws_what_nobody_can_draw_again(site: LocalSite) -> None:
    deployed = replace(site, deployed=True)
    assert isinstance(noise_of(site, 1, "noise"), SeededNoise)
    one, other = (trained(deployed, 1) for _ in range(2))
    assert any((value != other[name]).any() for name, value in one.items())


def test_the_eyes_of_other_patients_do_not_reach_a_patients_loss(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With every patient drawn in the only step, the losses of three are those of three alone."""
    losses: list[float] = []
    add = PatientGradients.add

    def noting(gradients: PatientGradients, loss: torch.Tensor) -> None:
        losses.append(round(float(loss.detach()), 6))
        add(gradients, loss)

    monkeypatch.setattr(PatientGradients, "add", noting)
    training = {"rounds": 1, "batch_size": 12, "augment": False}
    federation = config(training=training)
    clinic = open_site(federation, "clinic")
    train(clinic, task(federation))
    together = losses.copy()
    losses.clear()
    train(replace(clinic, training=clinic.training[3:6]), task(federation))
    assert len(together) == 12
    assert len(set(losses)) == 3
    assert set(losses) <= set(together)


def test_batch_normalisation_of_a_part_is_refused_at_the_site(site: LocalSite) -> None:
    """A part of one's own may bring it, which the configuration cannot see."""
    federation = config()
    batch = federation.model.model_copy(update={"normalisation": "batch"})
    unseen = federation.model_copy(update={"model": batch})
    with pytest.raises(ConfigError, match="batch normalisation"):
        train(replace(site, config=unseen), task(unseen))


@pytest.mark.parametrize("method", ["fedrima", "fedavg", "prototype_contrast", "distillation"])
def test_every_phase_of_a_method_takes_private_steps(method: str) -> None:
    federation = config(method=method)
    clinic = open_site(federation, "clinic")
    model = initial_model(federation)
    bank = class_statistics(clinic, model).bank
    for phase, stage in enumerate(federation.method.phases):
        update = train(clinic, TrainTask(1, phase, 0.01, model, bank))
        assert all(np.isfinite(value).all() for value in update.parameters.values()), stage.name
        assert any((value != model[name]).any() for name, value in update.parameters.items())
