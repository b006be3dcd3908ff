from dataclasses import astuple

import numpy as np
import pytest

from fed.data.phantom import Style, draw_eye, draw_pair, draw_style

DEVICES = ["fundus", "oct"]


def deviation(style, device):
    """Root mean square of a device's deviations from the average."""
    return float(np.sqrt(np.mean(np.square(astuple(getattr(style, device))))))


def styles(role, strength=1.0):
    return [draw_style(strength, role, np.random.default_rng(seed)) for seed in range(200)]


@pytest.mark.parametrize("device", DEVICES)
def test_held_out_styles_lie_outside_of_all_training_styles(device):
    farthest = max(deviation(style, device) for style in styles("train"))
    nearest = min(deviation(style, device) for style in styles("held_out"))
    assert farthest <= 1.0
    assert nearest > 1.1


@pytest.mark.parametrize("device", DEVICES)
def test_strength_scales_the_style(device):
    for once, twice in zip(styles("train", 1.0), styles("train", 2.0), strict=True):
        assert deviation(twice, device) == pytest.approx(2 * deviation(once, device))


def test_without_strength_every_device_is_the_average_one():
    assert all(style == Style() for style in styles("held_out", 0.0))


def test_sites_differ_in_look_but_not_in_anatomy():
    def look(style):
        eye = draw_eye(0, 4, np.random.default_rng(1))
        fundus, oct_ = draw_pair(eye, style, 48, (4, 32, 32), np.random.default_rng(2))
        return fundus.astype(float), oct_.astype(float)

    average = look(Style())
    for style in styles("train")[:5]:
        for image, reference in zip(look(style), average, strict=True):
            assert np.abs(image - reference).mean() > 2
            assert np.corrcoef(image.ravel(), reference.ravel())[0, 1] > 0.7
