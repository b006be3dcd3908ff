"""MONAI's classification networks as encoders."""

import pytest
import torch

from fed.parts import PartError, build
from model.encoders.monai import MonaiEncoder

monai = pytest.importorskip("monai", reason="the extra `monai` is not installed")


@pytest.mark.parametrize("network", ["DenseNet121", "resnet18", "SEResNet50"])
def test_classes_become_features_of_photographs_and_volumes(network):
    for kind, size, shape in (
        ("fundus_encoder", 64, (2, 3, 64, 64)),
        ("oct_encoder", (32, 32, 32), (2, 1, 32, 32, 32)),
    ):
        part = build(kind, {"use": "monai_network", "network": network, "features": 12})
        encoder = part.build(size).eval()
        with torch.no_grad():
            assert encoder(torch.rand(shape)).shape == (2, encoder.features) == (2, 12)


def test_options_reach_the_network():
    options = {"init_features": 8, "growth_rate": 4, "block_config": [1, 1]}
    encoder = MonaiEncoder("DenseNet", 2, 3, 5, options)
    assert sum(p.numel() for p in encoder.parameters()) < 10_000


@pytest.mark.parametrize(
    ("network", "options", "words"),
    [
        ("DenseNet1", {}, "has no network 'DenseNet1'"),
        ("DenseNet121", {"depht": 3}, "depht"),
        ("AutoEncoder", {}, "no classification network|missing"),
    ],
)
def test_what_is_no_classification_network_is_refused(network, options, words):
    with pytest.raises(ValueError, match=words):
        MonaiEncoder(network, 2, 3, 5, options)


def test_a_network_needs_a_name():
    with pytest.raises(PartError, match=r"monai_network\.network"):
        build("fundus_encoder", "monai_network")
