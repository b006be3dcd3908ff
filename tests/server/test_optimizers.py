import numpy as np
import pytest
import torch

from model.parts import learned
from server.optimizers.fedadam import FedAdam
from server.optimizers.fedavg import FedAvg
from server.optimizers.fedavgm import FedAvgM
from tests.clients.networks import network

W, VAR, OTHER = "fundus_encoder.w", "fundus_encoder.bn.running_var", "oct_encoder.w"
START = {W: np.array([1.0, -2.0]), VAR: np.array([3.0]), OTHER: np.array([5.0])}
AVERAGES = [np.array([0.5, -1.0]), np.array([0.7, 0.1]), np.array([-0.2, 0.4])]


def run(optimizer):
    """Move the model by three averages of its first weight."""
    model, moments = START, {}
    for average in AVERAGES:
        reduced = {**model, W: average, VAR: np.array([0.1])}
        moved = optimizer.move(model, reduced, [W, VAR], moments)
        model, moments = moved.model, moved.moments
    return model


def test_fedavg_takes_the_average():
    np.testing.assert_array_equal(run(FedAvg())[W], AVERAGES[-1])


def test_fedavg_with_half_a_step_goes_half_the_way():
    moved = FedAvg(lr=0.5).move(START, {**START, W: AVERAGES[0]}, [W], {}).model
    np.testing.assert_allclose(moved[W], (START[W] + AVERAGES[0]) / 2)


def test_fedavgm_is_torchs_sgd_with_momentum_on_the_pseudo_gradient():
    weight = torch.tensor(START[W], requires_grad=True)
    sgd = torch.optim.SGD([weight], lr=0.3, momentum=0.8)
    for average in AVERAGES:
        weight.grad = weight.detach() - torch.from_numpy(average)
        sgd.step()
    moved = run(FedAvgM(lr=0.3, momentum=0.8))
    np.testing.assert_allclose(moved[W], weight.detach().numpy())


def test_fedadam_follows_its_equations():
    lr, beta1, beta2, tau = 0.1, 0.9, 0.99, 0.05
    w, m, v = START[W], np.zeros(2), np.full(2, tau**2)
    for average in AVERAGES:
        d = average - w
        m, v = beta1 * m + (1 - beta1) * d, beta2 * v + (1 - beta2) * d * d
        w = w + lr * m / (np.sqrt(v) + tau)
    moved = run(FedAdam(lr, beta1, beta2, tau))
    np.testing.assert_allclose(moved[W], w)


@pytest.mark.parametrize("optimizer", [FedAvg(), FedAvgM(), FedAdam()])
def test_running_statistics_take_the_average_and_the_untrained_stays(optimizer):
    moved = run(optimizer)
    assert moved[VAR] == 0.1
    assert moved[OTHER] == 5.0


@pytest.mark.parametrize("scale", ["small", "medium"])
def test_what_is_learned_are_the_parameters_of_the_network(scale):
    model = network(scale)
    names = {name for name in model.state_dict() if learned(name)}
    assert names == {name for name, _ in model.named_parameters()}
