import pytest
import torch

from model.encoders.small import FEATURES, LocalContrast, SmallFundusEncoder, SmallOctEncoder

SIZES = [(1, 16, 16), (1, 32, 32), (3, 24, 40), (16, 32, 32), (8, 96, 96)]


@pytest.mark.parametrize("size", [16, 48, 64, 128])
def test_fundus_features(size):
    encoder = SmallFundusEncoder(size)
    assert encoder(torch.rand(3, 3, size, size)).shape == (3, encoder.features)
    assert encoder.features == FEATURES


@pytest.mark.parametrize("size", SIZES)
def test_oct_features_for_any_volume_one_slice_included(size):
    encoder = SmallOctEncoder(size)
    assert encoder(torch.rand(3, 1, *size)).shape == (3, encoder.features)


@pytest.mark.parametrize("encoder", [SmallFundusEncoder(64), SmallOctEncoder((16, 32, 32))])
def test_encoders_are_small_and_every_weight_is_used(encoder):
    shape = (4, 3, 64, 64) if isinstance(encoder, SmallFundusEncoder) else (4, 1, 16, 32, 32)
    assert sum(p.numel() for p in encoder.parameters()) < 150_000
    encoder(torch.rand(shape)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in encoder.parameters())


def test_contrast_normalisation_takes_out_gain_offset_and_shading():
    image = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    shade = torch.linspace(0.0, 0.3, 64)
    normalise = LocalContrast(patch=16, floor=0.0)
    expected = normalise(image)
    torch.testing.assert_close(normalise(0.4 * image + 0.2), expected, rtol=1e-3, atol=1e-3)
    assert (normalise(image + shade) - expected).abs().mean() < 0.1 * expected.abs().mean()
    assert sum(p.numel() for p in normalise.parameters()) == 0


def test_contrast_normalisation_leaves_flat_patches_flat():
    assert LocalContrast()(torch.full((1, 1, 32, 32), 0.7)).abs().max() < 1e-3


def test_oct_features_tell_depth():
    """A bright line near the top and one near the bottom must not look alike after pooling.

    Pooling that is blind to depth would leave a difference of rounding only, about 1e-6.
    """
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = SmallOctEncoder((4, 32, 32)).eval()
    volumes = torch.full((2, 1, 4, 32, 32), 0.1)
    volumes[0, :, :, 8] = 0.9
    volumes[1, :, :, 24] = 0.9
    first, second = encoder(volumes)
    assert (first - second).norm() > 0.01 * first.norm()
