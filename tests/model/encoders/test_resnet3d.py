"""3D ResNet-10 against its published names and sizes, and against two other forward passes."""

from collections.abc import Mapping

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from model.encoders.resnet3d import ResNet3d
from tests.model.published import medicalnet_shapes


def written_out(state: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """3D ResNet-10 in evaluation mode; dilation by kernels with zeros between their taps."""

    def conv(x: Tensor, name: str, stride: int = 1, dilation: int = 1) -> Tensor:
        taps = state[f"{name}.weight"]
        reach = (taps.shape[-1] - 1) * dilation + 1
        kernel = taps.new_zeros(*taps.shape[:2], reach, reach, reach)
        kernel[..., ::dilation, ::dilation, ::dilation] = taps
        return F.conv3d(x, kernel, stride=stride, padding=reach // 2)

    def bn(x: Tensor, name: str) -> Tensor:
        mean, var, weight, bias = (
            state[f"{name}.{entry}"][:, None, None, None]
            for entry in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + 1e-5).sqrt() * weight + bias

    x = F.max_pool3d(bn(conv(x, "conv1", 2), "bn1").clamp(min=0), 3, 2, 1)
    for stage, stride, dilation in ((1, 1, 1), (2, 2, 1), (3, 1, 2), (4, 1, 4)):
        name = f"layer{stage}.0"
        out = bn(conv(x, f"{name}.conv1", stride, dilation), f"{name}.bn1").clamp(min=0)
        out = bn(conv(out, f"{name}.conv2", 1, dilation), f"{name}.bn2")
        if stage > 1:
            x = bn(conv(x, f"{name}.downsample.0", stride), f"{name}.downsample.1")
        x = (out + x).clamp(min=0)
    n, channels, depths, _, _ = x.shape
    planes = [x[:, c, d].flatten(1).mean(1) for c in range(channels) for d in range(depths)]
    return torch.stack(planes, 1).reshape(n, channels * depths)


def lively(encoder: nn.Module) -> nn.Module:
    """Give every normalisation layer statistics, scale and shift of its own."""
    generator = torch.Generator().manual_seed(1)
    for name, tensor in encoder.state_dict().items():
        if ("bn" in name or "downsample.1" in name) and tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=generator) * 0.5 + 0.5)
    return encoder


def narrow(checkpoint: bool = False) -> ResNet3d:
    torch.manual_seed(0)
    return ResNet3d((20, 24, 24), width=8, checkpoint=checkpoint)


@pytest.fixture(scope="module")
def published() -> ResNet3d:
    torch.manual_seed(0)
    return ResNet3d((96, 96, 96))


def test_names_and_shapes_are_those_of_the_public_file(published: ResNet3d) -> None:
    assert {k: tuple(v.shape) for k, v in published.state_dict().items()} == medicalnet_shapes()


def test_parameter_count_is_the_published_one(published: ResNet3d) -> None:
    assert sum(p.numel() for p in published.parameters()) == 14_355_520


def test_published_size_gives_6144_features(published: ResNet3d) -> None:
    assert published.features == 512 * 12 == 6144
    with torch.no_grad():
        assert published.eval()(torch.rand(1, 1, 96, 96, 96)).shape == (1, 6144)


def test_equals_the_forward_pass_written_out_in_channel_major_order() -> None:
    encoder = lively(narrow()).eval()
    volumes = torch.rand(2, 1, 20, 24, 24)
    with torch.no_grad():
        expected = written_out(encoder.state_dict(), volumes)
        torch.testing.assert_close(encoder(volumes), expected, rtol=1e-4, atol=1e-5)


def test_equals_an_independent_implementation_given_the_published_dilations(
    published: ResNet3d,
) -> None:
    nets = pytest.importorskip("monai.networks.nets", reason="monai is not installed")
    theirs = nets.resnet10(
        pretrained=False,
        spatial_dims=3,
        n_input_channels=1,
        conv1_t_stride=2,
        feed_forward=False,
        shortcut_type="B",
        bias_downsample=False,
    )
    theirs.load_state_dict(published.state_dict())
    for layer, dilation in ((theirs.layer3, 2), (theirs.layer4, 4)):
        for conv in (m for m in layer.modules() if isinstance(m, nn.Conv3d)):
            conv.stride = (1, 1, 1)
            if conv.kernel_size == (3, 3, 3):
                conv.dilation = conv.padding = (dilation,) * 3
    theirs.avgpool = nn.AdaptiveAvgPool3d((None, 1, 1))
    volumes = torch.rand(1, 1, 96, 48, 40)
    with torch.no_grad():
        expected = theirs.eval()(volumes).flatten(1)
        torch.testing.assert_close(published.eval()(volumes), expected)


@pytest.mark.parametrize("slices", [1, 2, 7, 8, 9, 16, 33])
def test_feature_size_is_what_a_forward_pass_gives(slices: int) -> None:
    encoder = ResNet3d((slices, 5, 3), width=8).eval()
    with torch.no_grad():
        features = encoder(torch.rand(1, 1, slices, 5, 3))
    assert features.shape == (1, encoder.features)
    assert encoder.features == encoder.feature_size((slices, 40, 40))


@pytest.mark.parametrize("size", [(0, 96, 96), (96, 0, 96), (96, 96, -1)])
def test_a_volume_without_voxels_is_refused(size: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"volume_size: .* at least 1"):
        ResNet3d(size)


def test_volumes_of_other_slices_are_refused() -> None:
    with pytest.raises(ValueError, match=r"volumes of 40 slices give 320 features.*built for 192"):
        narrow()(torch.rand(1, 1, 40, 24, 24))


def test_medium_size_by_width_alone() -> None:
    encoder = ResNet3d((32, 64, 64), width=16)
    assert encoder.features == 512
    assert sum(p.numel() for p in encoder.parameters()) == 902_416


def test_checkpointing_changes_neither_values_nor_gradients_nor_statistics() -> None:
    volumes = torch.rand(3, 1, 20, 24, 24)
    plain, checkpointed = narrow(), narrow(checkpoint=True)
    for _ in range(2):
        outputs = [encoder.train()(volumes) for encoder in (plain, checkpointed)]
        for out in outputs:
            out.square().sum().backward()
        assert torch.equal(*outputs)
    for (name, p), q in zip(plain.named_parameters(), checkpointed.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, msg=name)
    for (name, b), c in zip(plain.named_buffers(), checkpointed.buffers(), strict=True):
        assert torch.equal(b, c), name


def test_channels_last_gives_the_same_features() -> None:
    encoder = lively(narrow()).eval()
    volumes = torch.rand(2, 1, 20, 24, 24)
    with torch.no_grad():
        expected = encoder(volumes)
        encoder.to(memory_format=torch.channels_last_3d)
        got = encoder(volumes.to(memory_format=torch.channels_last_3d))
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)
