"""What the fusions are made of."""

import pytest
import torch

from model.fusions.asymmetric import Asymmetric
from tests.clients.networks import network


def parameters(fusion):
    model = network(classes=3, seed=7, fusion=fusion)
    names = ("fundus_fusion.", "oct_fusion.", "classifier.")
    return sum(v.numel() for n, v in model.state_dict().items() if n.startswith(names))


def test_a_narrow_asymmetric_fusion_answers_with_fewer_weights():
    narrow = {"use": "asymmetric", "width": 8}
    model = network(classes=3, seed=7, fusion=narrow)
    fundus, oct_ = torch.randn(2, 5, 64, generator=torch.Generator().manual_seed(0))
    assert model.fuse(fundus, oct_).shape == (5, 3)
    assert model.classifier.in_features == 16
    assert parameters(narrow) < parameters("asymmetric") / 4


def test_a_width_that_the_heads_cannot_share_is_refused():
    with pytest.raises(ValueError, match="width: 10; allowed: multiples of heads, 4"):
        Asymmetric(width=10)
