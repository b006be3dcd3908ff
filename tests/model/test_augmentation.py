import pytest
import torch
from torch.nn.functional import avg_pool2d, pad

from model.augmentation import (
    augment_fundus,
    augment_oct,
    local_mean,
    other_camera,
    other_scanner,
)

FUNDUS = (6, 3, 32, 32)
OCT = (6, 5, 32, 24)
DEVICES = pytest.mark.parametrize(
    ("device", "shape"), [(other_camera, FUNDUS), (other_scanner, OCT)]
)
BOTH = pytest.mark.parametrize(("augment", "shape"), [(augment_fundus, FUNDUS), (augment_oct, OCT)])


def batch(shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def smooth(shape):
    """A bright ramp down the rows and along the columns, the same in every channel."""
    rows, columns = torch.linspace(0.3, 0.5, shape[2]), torch.linspace(0, 0.2, shape[3])
    return (rows[:, None] + columns).expand(shape).clone()


@BOTH
def test_the_same_generator_gives_the_same_images_and_another_gives_others(augment, shape):
    images = batch(shape)
    kept = images.clone()
    first = augment(images, torch.Generator().manual_seed(1))
    again = augment(images, torch.Generator().manual_seed(1))
    other = augment(images, torch.Generator().manual_seed(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(images, kept)


@BOTH
def test_images_stay_images(augment, shape):
    out = augment(batch(shape), torch.Generator().manual_seed(1))
    assert out.shape == shape
    assert out.min() >= 0
    assert out.max() <= 1


@BOTH
def test_each_image_of_a_batch_is_varied_on_its_own(augment, shape):
    same = batch(shape)[:1].expand(shape)
    out = augment(same, torch.Generator().manual_seed(1))
    distinct = {tuple(image.flatten()[:50].tolist()) for image in out}
    assert len(distinct) == shape[0]


@BOTH
def test_about_half_are_mirrored_and_none_is_upside_down(augment, shape):
    shape = (200, *shape[1:])
    out = augment(smooth(shape), torch.Generator().manual_seed(1))
    half = shape[3] // 2
    mirrored = out[..., :half].mean(dim=(1, 2, 3)) > out[..., half:].mean(dim=(1, 2, 3))
    assert 0.35 < mirrored.float().mean() < 0.65
    upper, lower = out[:, :, : shape[2] // 2], out[:, :, shape[2] // 2 :]
    assert (lower.mean(dim=(1, 2, 3)) > upper.mean(dim=(1, 2, 3))).all()


def test_fundus_shifts_stay_within_a_sixteenth():
    images = torch.full((100, 3, 32, 32), 0.1)
    images[:, :, 16, 16] = 0.9
    out = augment_fundus(images, torch.Generator().manual_seed(1))
    brightest = out.sum(dim=1).flatten(1).argmax(dim=1)
    rows, columns = brightest // 32 - 16, brightest % 32 - 16
    assert rows.abs().max() == 2
    assert columns.min() >= -3  # mirrored, 16 becomes 15
    assert columns.max() <= 2


def test_oct_is_tilted_but_slices_move_together():
    volumes = torch.full((50, 4, 64, 33), 0.05)
    volumes[:, :, 32] = 0.8
    out = augment_oct(volumes, torch.Generator().manual_seed(1))
    line = out.argmax(dim=2)
    assert (line - 32).abs().max() <= 8
    assert (line[:, :1] == line).all()
    tilt = line[:, 0, -1] - line[:, 0, 0]
    assert tilt.abs().max() >= 4
    assert (line.diff(dim=2).abs() <= 1).all()


@DEVICES
def test_other_devices_change_every_image_in_its_own_way_and_images_stay_images(device, shape):
    plain = smooth(shape)
    first = device(plain.clone(), torch.Generator().manual_seed(1))
    assert torch.equal(first, device(plain.clone(), torch.Generator().manual_seed(1)))
    assert first.min() >= 0
    assert first.max() <= 1
    changes = (first - plain).flatten(1)
    assert (changes.abs().amax(dim=1) > 0.005).all()
    assert len({tuple(change[:50].tolist()) for change in changes}) == shape[0]


def test_other_cameras_change_the_light_of_the_corners_and_not_of_the_centre():
    images = torch.full((200, 3, 33, 33), 0.5)
    out = other_camera(images, torch.Generator().manual_seed(1))
    corners, centre = out[:, :, :3, :3].mean(dim=(1, 2, 3)), out[:, :, 15:18, 15:18].mean((1, 2, 3))
    assert corners.std() > 0.1
    assert centre.std() < 0.02


def test_other_lenses_blur_or_sharpen_an_edge():
    images = torch.full((200, 3, 16, 16), 0.3)
    images[..., 8:] = 0.6
    out = other_camera(images, torch.Generator().manual_seed(1))
    contrast = (out[..., 8] - out[..., 7]).mean(dim=(1, 2)) / (out[..., 12] - out[..., 3]).mean(
        (1, 2)
    )
    assert contrast.min() < 0.6
    assert contrast.max() > 1.1


@pytest.mark.parametrize("shape", [(6, 3, 32, 32), (1, 3, 17, 22), (3, 1, 64, 31)])
@pytest.mark.parametrize("reach", [(1, 1, 1, 1), (1, 1, 0, 0), (2, 0, 0, 1)])
def test_the_local_mean_is_that_of_average_pooling_to_the_bit(shape, reach):
    images, (left, right, above, below) = batch(shape), reach
    window = (1 + above + below, 1 + left + right)
    expected = avg_pool2d(pad(images, reach, mode="replicate"), window, stride=1)
    assert torch.equal(local_mean(images, reach), expected)


def test_other_scanners_fade_with_depth_and_keep_scans_apart():
    volumes = torch.full((200, 2, 32, 16), 0.5)
    out = other_scanner(volumes, torch.Generator().manual_seed(1))
    fade = out[:, :, -4:].mean(dim=(1, 2, 3)) / out[:, :, :4].mean(dim=(1, 2, 3))
    assert fade.min() < 0.7
    assert fade.max() > 1.4
