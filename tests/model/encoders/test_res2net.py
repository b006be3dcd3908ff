"""Res2Net against its published names and sizes, and against a forward pass written out here."""

from collections.abc import Mapping

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from model.encoders.res2net import Res2Net
from tests.model.published import RES2NET_LAYERS, imagenet_shapes


def written_out(state: Mapping[str, Tensor], x: Tensor, layers: tuple[int, ...]) -> Tensor:
    """Res2Net v1b in evaluation mode, from the tensors of its state dict alone."""

    def conv(x: Tensor, name: str, stride: int = 1) -> Tensor:
        weight = state[f"{name}.weight"]
        return F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)

    def bn(x: Tensor, name: str) -> Tensor:
        mean, var, weight, bias = (
            state[f"{name}.{entry}"][:, None, None]
            for entry in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + 1e-5).sqrt() * weight + bias

    x = bn(conv(x, "conv1.0", 2), "conv1.1").clamp(min=0)
    x = bn(conv(x, "conv1.3"), "conv1.4").clamp(min=0)
    x = bn(conv(x, "conv1.6"), "bn1").clamp(min=0)
    x = F.max_pool2d(x, 3, 2, 1)
    for stage, blocks in enumerate(layers, 1):
        for block in range(blocks):
            name = f"layer{stage}.{block}"
            stride = 2 if stage > 1 and block == 0 else 1
            a, b, c, d = bn(conv(x, f"{name}.conv1"), f"{name}.bn1").clamp(min=0).chunk(4, 1)
            y1 = bn(conv(a, f"{name}.convs.0", stride), f"{name}.bns.0").clamp(min=0)
            b = b if block == 0 else b + y1
            y2 = bn(conv(b, f"{name}.convs.1", stride), f"{name}.bns.1").clamp(min=0)
            c = c if block == 0 else c + y2
            y3 = bn(conv(c, f"{name}.convs.2", stride), f"{name}.bns.2").clamp(min=0)
            y4 = F.avg_pool2d(d, 3, stride, 1) if block == 0 else d
            out = bn(conv(torch.cat([y1, y2, y3, y4], 1), f"{name}.conv3"), f"{name}.bn3")
            if block == 0:
                x = F.avg_pool2d(x, stride, stride, ceil_mode=True, count_include_pad=False)
                x = bn(conv(x, f"{name}.downsample.1"), f"{name}.downsample.2")
            x = (out + x).clamp(min=0)
    return x.flatten(2).mean(2)


def lively(encoder: nn.Module) -> nn.Module:
    """Give every normalisation layer statistics, scale and shift of its own."""
    generator = torch.Generator().manual_seed(1)
    for name, tensor in encoder.state_dict().items():
        normalises = "bn" in name or name.startswith(("conv1.1", "conv1.4"))
        if (normalises or "downsample.2" in name) and tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=generator) * 0.5 + 0.5)
    return encoder


@pytest.fixture(scope="module")
def published() -> Res2Net:
    torch.manual_seed(0)
    return Res2Net()


def narrow(checkpoint: bool = False) -> Res2Net:
    torch.manual_seed(0)
    return Res2Net(layers=(2, 2, 2, 2), width=16, checkpoint=checkpoint)


def test_names_and_shapes_are_those_of_the_public_file(published: Res2Net) -> None:
    assert {k: tuple(v.shape) for k, v in published.state_dict().items()} == imagenet_shapes()


def test_parameter_count_is_the_published_one_less_the_imagenet_head(published: Res2Net) -> None:
    count = sum(p.numel() for p in published.parameters())
    head = 2048 * 1000 + 1000
    assert count == 23_669_352
    assert round((count + head) / 1e6, 1) == 25.7


def test_features_are_2048_at_any_image_size(published: Res2Net) -> None:
    published.eval()
    assert published.features == 2048
    with torch.no_grad():
        for size in ((384, 384), (65, 97), (1, 1)):
            assert published(torch.rand(1, 3, *size)).shape == (1, 2048)


def test_published_network_equals_the_forward_pass_written_out(published: Res2Net) -> None:
    encoder = lively(published).eval()
    images = torch.rand(2, 3, 97, 66)
    with torch.no_grad():
        expected = written_out(encoder.state_dict(), images, RES2NET_LAYERS)
        torch.testing.assert_close(encoder(images), expected, rtol=1e-4, atol=1e-4)


def test_medium_size_by_width_and_layers_alone() -> None:
    encoder = narrow()
    assert encoder.features == 512
    assert sum(p.numel() for p in encoder.parameters()) == 871_338


def test_checkpointing_changes_neither_values_nor_gradients_nor_statistics() -> None:
    images = torch.rand(3, 3, 64, 64)
    plain, checkpointed = narrow(), narrow(checkpoint=True)
    for _ in range(2):
        outputs = [encoder.train()(images) for encoder in (plain, checkpointed)]
        for out in outputs:
            out.square().sum().backward()
        assert torch.equal(*outputs)
    for (name, p), q in zip(plain.named_parameters(), checkpointed.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, msg=name)
    for (name, b), c in zip(plain.named_buffers(), checkpointed.buffers(), strict=True):
        assert torch.equal(b, c), name


def test_channels_last_gives_the_same_features() -> None:
    encoder = lively(narrow()).eval()
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        expected = encoder(images)
        encoder.to(memory_format=torch.channels_last)
        got = encoder(images.to(memory_format=torch.channels_last))
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)
