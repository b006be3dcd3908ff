"""Images of a few pixels as features, and the method that is judged on them."""

import numpy as np
import torch

from fed.config import load
from fed.parts import build


def test_a_photograph_becomes_the_means_of_its_fields():
    image = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    encoder = build("fundus_encoder", "thumbnail").build(32)
    fields = image.reshape(2, 3, 8, 4, 8, 4).mean(dim=(3, 5)).flatten(1)
    torch.testing.assert_close(encoder(image), fields)
    assert encoder.features == fields.shape[1]
    assert not list(encoder.parameters())


def test_a_volume_becomes_the_fields_of_its_mean_slice():
    volume = np.random.default_rng(0).random((2, 1, 5, 16, 40), dtype=np.float32)
    encoder = build("oct_encoder", "thumbnail").build((5, 16, 40))
    fields = volume[:, 0].mean(axis=1).reshape(2, 8, 2, 8, 5).mean(axis=(2, 4)).reshape(2, -1)
    np.testing.assert_allclose(encoder(torch.from_numpy(volume)).numpy(), fields, rtol=1e-5)
    assert encoder.features == fields.shape[1]


def test_a_method_brings_its_encoders_along():
    site = {"modalities": ["fundus", "oct"], "cases": 20}
    ours = {"sites": [site | {"name": "a"}, site | {"name": "b", "role": "held_out"}]}
    for method, kind in (("analytic", "Small"), ("thumbnail", "Thumbnail")):
        parts = load(ours | {"method": method}).model.encoder_parts
        assert [type(part).__name__ for part in parts] == [kind, kind]
