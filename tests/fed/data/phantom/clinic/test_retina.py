"""Thickness against what is published, in micrometres."""

from dataclasses import replace

import numpy as np
import pytest

from fed.data.phantom.clinic import Patient, eye_of
from fed.data.phantom.clinic import literature as known
from fed.data.phantom.clinic.eye import Lesions, draw_eye, single
from fed.data.phantom.clinic.retina import EPITHELIUM, Retina, central_subfield
from fed.data.phantom.raster import axis

FINE = axis(128, 0.45)
DISTANCE = np.sqrt(FINE[:, None] ** 2 + FINE**2) * known.MICROMETRES


def patient(disease="amd", male=True, thickness=0.0, grade=0):
    return Patient(disease, male, 0.5, thickness, 1.0, (grade, grade))


def eye_with(found, **traits):
    return draw_eye(patient(**traits), True, found, np.random.default_rng(0))


def thickness_of(eye):
    retina = Retina(FINE, FINE)
    return retina.layers(eye, retina.atrophy_of(eye))[0]


@pytest.mark.parametrize(("male", "mean"), [(True, 278), (False, 262)])
def test_a_healthy_centre_is_as_thick_as_published(male, mean):
    assert central_subfield(eye_with(Lesions("none"), male=male)) == pytest.approx(mean, abs=4)
    thick = eye_with(Lesions("none"), male=male, thickness=1.0)
    assert central_subfield(thick) - mean == pytest.approx(known.CENTRE[male][1], abs=4)


def test_layers_of_the_inner_ring_are_as_thick_as_published():
    """335 micrometres in all where the centre has 259 (BMC Ophthalmology 2018;18:169)."""
    eye = replace(eye_with(Lesions("none")), centre=258.8)
    layers = thickness_of(eye)
    ring = (DISTANCE > 500) & (DISTANCE <= 1500)
    assert layers.sum(axis=0)[ring].mean() == pytest.approx(335, rel=0.05)
    middle = DISTANCE <= 500
    for layer, (centre, *_) in zip(layers, known.LAYERS.values(), strict=True):
        assert layer[middle].mean() == pytest.approx(centre, abs=6)


@pytest.mark.parametrize("asked", [330.0, 412.0, 600.0])
def test_a_swelling_gives_the_central_subfield_asked_for(asked):
    found = Lesions("swollen", swelling=single(0.05, 0.02, 2400, 1.0), thickness=asked)
    assert central_subfield(eye_with(found)) == pytest.approx(asked, abs=1)


def test_fluid_that_is_thicker_than_asked_for_is_not_taken_away():
    fluid = single(0, 0, 2000, 200.0)
    found = Lesions("fluid", fluid=fluid, swelling=single(0, 0, 2000, 1.0), thickness=200.0)
    without = Lesions("fluid", fluid=fluid)
    assert central_subfield(eye_with(found)) == pytest.approx(central_subfield(eye_with(without)))


def test_foveal_atrophy_thins_and_neovascular_disease_thickens():
    bare = Lesions("atrophy", atrophy=single(0, 0, 2500, 1.0))
    healthy = central_subfield(eye_with(Lesions("none")))
    assert central_subfield(eye_with(bare)) < healthy - 80
    centres = [
        central_subfield(eye)
        for eye in (eye_of(patient(grade=3), True, np.random.default_rng(s)) for s in range(400))
        if eye.lesions.subtype == "neovascular" and eye.lesions.thickness is not None
    ]
    mean, deviation = known.NEOVASCULAR_THICKNESS
    assert np.mean(centres) == pytest.approx(mean, abs=35)
    assert np.std(centres) == pytest.approx(deviation, rel=0.25)


def test_the_epithelium_ends_where_the_atrophy_does():
    bare = eye_with(Lesions("atrophy", atrophy=single(0, 0, 2000, 1.0)))
    layer = thickness_of(bare)[EPITHELIUM]
    intact = thickness_of(eye_with(Lesions("none")))[EPITHELIUM]
    gone = layer < 0.5 * intact
    assert np.sqrt(4 / np.pi * gone.sum()) * 6000 / 128 == pytest.approx(2000, rel=0.05)


def test_centres_of_diabetic_eyes_pass_the_threshold_where_oedema_is_in_the_centre():
    for seed in range(300):
        male = bool(seed % 2)
        owner = patient("diabetes", male, grade=3)
        eye = eye_of(owner, True, np.random.default_rng(seed))
        if "in the centre" in eye.lesions.subtype:
            assert central_subfield(eye) >= known.THRESHOLD[male] - 1
        else:
            assert central_subfield(eye) < known.THRESHOLD[male]


def test_the_area_of_geographic_atrophy_is_as_published():
    random = np.random.default_rng(1)
    retina = Retina(FINE, FINE)
    areas = []
    for _ in range(600):
        eye = eye_of(patient(grade=3), True, random)
        if eye.lesions.subtype == "geographic atrophy":
            areas.append(retina.atrophy_of(eye).sum() * (6.0 / 128) ** 2)
    mean, deviation = (value / 1000 for value in known.ATROPHY_SIDE)
    assert np.mean(np.sqrt(areas)) == pytest.approx(mean, rel=0.15)
    assert np.std(np.sqrt(areas)) == pytest.approx(deviation, rel=0.35)
