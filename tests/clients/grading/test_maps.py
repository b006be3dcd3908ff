"""Where a model looked."""

import copy
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from clients.grading.maps import occlusion_maps
from fed.errors import ConfigError
from model.rima import Batch
from tests.clients.grading.models import model


class OnlyThere(nn.Module):
    """Knows nothing of an image but the mean of one place."""

    def __init__(self, features, place):
        super().__init__()
        self.features, self.place = features, place

    def forward(self, images):
        there = images[(slice(None), slice(None), *self.place)].flatten(1)
        return there.mean(dim=1, keepdim=True).expand(-1, self.features)


def eye(trained, seed=0):
    data = trained.config.data
    random = torch.Generator().manual_seed(seed)
    yes = torch.tensor([True])
    size = data.image_size
    return Batch(
        torch.rand(1, 3, size, size, generator=random),
        torch.rand(1, *data.volume_size, generator=random),
        yes,
        yes,
    )


def looking(fundus_place=(slice(0, 16), slice(48, 64)), oct_place=None):
    trained = model("method=experts")
    network = copy.deepcopy(trained.network)
    oct_place = oct_place or (slice(8, 12), slice(0, 8), slice(16, 24))
    network.fundus_encoder = OnlyThere(64, fundus_place)
    network.oct_encoder = OnlyThere(64, oct_place)
    return replace(trained, network=network), fundus_place, oct_place


def test_a_map_is_where_the_model_looks_and_nothing_elsewhere():
    trained, fundus_place, oct_place = looking()
    given = eye(trained)
    given.fundus[(0, slice(None), *fundus_place)] = 1.0  # covering it with the mean changes it
    given.oct[(0, *oct_place)] = 1.0
    found = occlusion_maps(trained, given)
    assert found["fundus"].shape == (64, 64)
    assert found["oct"].shape == (16, 32, 32)
    for modality, place, patch in (("fundus", fundus_place, 8), ("oct", oct_place, 4)):
        there = np.zeros(found[modality].shape, dtype=bool)
        there[place] = True
        assert np.abs(found[modality][there]).min() > 0
        near = np.zeros_like(there)  # a patch can stand with one end in the place
        near[tuple(slice(max(0, s.start - patch), s.stop + patch) for s in place)] = True
        assert not found[modality][~near].any()


def test_only_images_that_are_there_have_a_map():
    trained, *_ = looking()
    both = eye(trained)
    alone = Batch(both.fundus, torch.zeros(0, 0, 0, 0), both.has_fundus, ~both.has_oct)
    assert set(occlusion_maps(trained, alone)) == {"fundus"}


def test_the_same_weights_give_the_same_map_and_the_model_stays_as_it_was():
    trained = model()
    before = {name: value.clone() for name, value in trained.network.state_dict().items()}
    first, second = (occlusion_maps(trained, eye(trained)) for _ in range(2))
    for modality in ("fundus", "oct"):
        np.testing.assert_array_equal(first[modality], second[modality])
    for name, value in trained.network.state_dict().items():
        assert torch.equal(value, before[name])


def test_maps_are_others_when_the_weights_are_random_ones():
    trained = model()
    randomised = replace(trained, network=copy.deepcopy(trained.network))
    with torch.random.fork_rng():
        torch.manual_seed(7)
        for layer in randomised.network.modules():
            if hasattr(layer, "reset_parameters") and layer is not randomised.network:
                layer.reset_parameters()
    for modality in ("fundus", "oct"):
        alike = []
        for seed in range(4):
            ours, theirs = (
                occlusion_maps(m, eye(trained, seed))[modality].ravel()
                for m in (trained, randomised)
            )
            alike.append(np.corrcoef(ours, theirs)[0, 1])
        assert abs(np.mean(alike)) < 0.5, alike


def test_without_captum_one_line_says_what_to_install(monkeypatch):
    trained = model()
    monkeypatch.setitem(sys.modules, "captum", None)
    with pytest.raises(ConfigError, match=r"pip install 'fedrima\[explain\]'"):
        occlusion_maps(trained, eye(trained))
