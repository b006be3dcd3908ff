import pytest
import torch
from torch import nn

from model.encoders.res2net import Res2Net
from model.encoders.resnet3d import ResNet3d
from model.normalisation import estimating, groups_of, with_normalisation


@pytest.mark.parametrize(
    ("channels", "groups"), [(4, 1), (8, 1), (26, 2), (52, 4), (64, 8), (104, 13), (2048, 32)]
)
def test_groups_divide_the_channels_and_keep_eight_of_them(channels: int, groups: int) -> None:
    assert groups_of(channels) == groups


@pytest.mark.parametrize(
    ("encoder", "shape"),
    [
        (Res2Net(layers=(1, 1, 1, 1), width=16), (4, 3, 40, 40)),
        (ResNet3d((16, 24, 24), width=8), (4, 1, 16, 24, 24)),
    ],
)
def test_group_normalisation_makes_each_case_independent_of_its_batch(
    encoder: nn.Module, shape: tuple[int, ...]
) -> None:
    scale = encoder.get_parameter("bn1.weight")
    nn.init.uniform_(scale)
    scales = scale.detach().clone()
    parameters = {name: p.shape for name, p in encoder.named_parameters()}

    converted = with_normalisation(encoder, "group").train()

    assert converted is encoder
    assert {name: p.shape for name, p in converted.named_parameters()} == parameters
    assert not list(converted.buffers())
    assert torch.equal(converted.get_parameter("bn1.weight"), scales)
    images = torch.rand(shape)
    one_by_one = torch.cat([converted(images[i : i + 1]) for i in range(len(images))])
    torch.testing.assert_close(converted(images), one_by_one, rtol=1e-4, atol=1e-5)


def test_batch_normalisation_is_left_as_it_is() -> None:
    encoder = ResNet3d((16, 24, 24), width=8)
    before = list(encoder.state_dict())
    assert list(with_normalisation(encoder, "batch").state_dict()) == before


def test_estimated_statistics_are_the_means_over_the_batches() -> None:
    norm = nn.BatchNorm1d(3).eval()
    norm.running_mean = torch.full((3,), 9.0)
    batches = [torch.rand(6, 3), torch.rand(4, 3) + 2]
    with estimating(norm):
        for batch in batches:
            norm(batch)
    means = torch.stack([batch.mean(dim=0) for batch in batches])
    variances = torch.stack([batch.var(dim=0) for batch in batches])
    torch.testing.assert_close(norm.running_mean, means.mean(dim=0))
    torch.testing.assert_close(norm.running_var, variances.mean(dim=0))
    assert not norm.training
    assert norm.momentum == 0.1


def test_checkpointing_works_under_group_normalisation() -> None:
    encoder = with_normalisation(ResNet3d((8, 16, 16), width=8, checkpoint=True), "group")
    encoder(torch.rand(1, 1, 8, 16, 16)).sum().backward()
    assert all(p.grad is not None for p in encoder.parameters())
