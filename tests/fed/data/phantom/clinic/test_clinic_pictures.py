"""Lesions show where they are, in the modalities they belong to, and devices change the look."""

from dataclasses import replace

import numpy as np
import pytest

from fed.data.phantom.clinic import Patient, eye_of
from fed.data.phantom.clinic.camera import Camera
from fed.data.phantom.clinic.devices import (
    CameraStyle,
    Devices,
    ScannerStyle,
    draw_devices,
)
from fed.data.phantom.clinic.eye import NO_CYSTS, Lesions, cystoid, draw_eye, scatter, single
from fed.data.phantom.clinic.recording import bent, compressed, interlaced
from fed.data.phantom.clinic.scanner import EXTENT, Scanner
from fed.data.phantom.raster import axis

SIZE, VOLUME = 96, (16, 64, 48)
CALM = 3
"""A seed with neither cataract nor motion."""
PLACE = (0.2, -0.1)


def eye(found):
    patient = Patient("amd", True, 0.5, 0.0, 1.0, (0, 0))
    return draw_eye(patient, True, found, np.random.default_rng(1))


AVERAGE = Devices()


def pictures(found, camera=AVERAGE.camera, scanner=AVERAGE.scanner, seed=CALM):
    shown = eye(found)
    fundus = Camera(SIZE, camera).photograph(shown, np.random.default_rng(seed))
    volume = Scanner(VOLUME, scanner).scan(shown, np.random.default_rng(seed))
    return fundus.astype(float), volume.astype(float)


def changes(found):
    """How far each picture differs from that of an eye without lesions, of the same noise."""
    return [np.abs(a - b) for a, b in zip(pictures(found), pictures(Lesions("none")), strict=True)]


SPOT = single(*PLACE, 900, 1.0)
BOTH = {"drusen": single(*PLACE, 500, 120.0), "atrophy": SPOT}
PHOTOGRAPH = dict.fromkeys(
    (
        "depigmentation",
        "pigment",
        "membrane",
        "blood",
        "haemorrhages",
        "exudates",
        "cotton_wool",
        "preretinal",
        "aneurysms",
    ),
    SPOT,
)
VOLUMES = {name: single(*PLACE, 900, 150.0) for name in ("fluid", "detachment", "swelling")}


@pytest.mark.parametrize("name", [*BOTH, *PHOTOGRAPH, *VOLUMES])
def test_a_lesion_shows_in_its_modalities_at_its_place(name):
    found = Lesions("one", **{name: (BOTH | PHOTOGRAPH | VOLUMES)[name]})
    fundus, volume = changes(found)
    if name in VOLUMES:
        assert not fundus.any()
    else:
        weight = fundus.sum(axis=0)
        rows, columns = axis(SIZE), axis(SIZE)
        x, y = (weight.sum(axis=0) @ columns, weight.sum(axis=1) @ rows) / weight.sum()
        assert (x, y) == pytest.approx(PLACE, abs=0.07)
    if name in PHOTOGRAPH:
        assert not volume.any()
    else:
        weight = volume.sum(axis=1)
        x = weight.sum(axis=0) @ axis(48, EXTENT) / weight.sum()
        y = weight.sum(axis=1) @ axis(16, EXTENT) / weight.sum()
        assert (x, y) == pytest.approx(PLACE, abs=0.05)


def test_atrophy_lets_light_through_to_what_lies_behind():
    bare = pictures(Lesions("bare", atrophy=single(0, 0, 2400, 1.0)))[1]
    intact = pictures(Lesions("none"))[1]
    deep, middle = slice(56, 64), slice(20, 28)
    assert bare[7:9, deep, middle].mean() > 2 * intact[7:9, deep, middle].mean()
    assert np.abs(bare - intact)[7:9, deep, :4].mean() < 2


def test_the_border_of_atrophy_is_sharp_and_that_of_depigmentation_is_not():
    def border(**found):
        """Pixels over which the change rises from a fifth to four fifths, on both sides."""
        fine = Camera(256, CameraStyle(compression=-3.0))
        image, none = (
            fine.photograph(eye(f), np.random.default_rng(CALM)).astype(float)
            for f in (Lesions("patch", **found), Lesions("none"))
        )
        profile = (image - none)[1, 124:132].mean(axis=0)
        return ((profile > 0.2 * profile.max()) & (profile < 0.8 * profile.max())).sum()

    patch = single(0, 0, 1800, 1.0)
    assert border(atrophy=patch) > 0
    assert border(depigmentation=patch) > 2.5 * border(atrophy=patch)


def test_fluid_is_dark_and_lifts_the_retina():
    intact, wet = (
        pictures(f)[1][8, :, 24]
        for f in (Lesions("none"), Lesions("wet", fluid=single(0, 0, 2000, 200.0)))
    )
    lifted = np.argmax(intact > 80) - np.argmax(wet > 80)
    assert lifted * 1150 / 64 == pytest.approx(200, abs=40)


def test_cysts_are_dark_pockets_within_the_retina():
    cysts = cystoid(np.random.default_rng(0), 12, 600, (0.0, 0.0), 1.0)
    change = pictures(Lesions("cystic", cysts=cysts))[1] - pictures(Lesions("none"))[1]
    assert (change < -30).sum() > 20
    assert not (change > 30).sum() > 5
    assert NO_CYSTS.x.size == 0


def test_scattered_spots_lie_in_their_ring():
    ring = scatter(np.random.default_rng(0), 500, 3000, (60, 200), centre=(0.1, 0.0), beyond=1000)
    away = np.hypot(ring.x - 0.1, ring.y) * 3000 / 0.45
    assert 1000 <= away.min() < 1100
    assert 2900 < away.max() <= 3000.1


def test_a_tenth_of_photographs_is_clouded():
    camera, shown = Camera(64, AVERAGE.camera), eye(Lesions("none"))
    random = np.random.default_rng(0)
    inner = [camera.photograph(shown, random)[1, 8:56, 8:56].astype(float) for _ in range(800)]
    sharpness = np.array([np.abs(np.diff(picture)).mean() for picture in inner])
    assert np.mean(sharpness < 0.75 * np.median(sharpness)) == pytest.approx(0.10, abs=0.03)


def test_a_few_volumes_are_shaken():
    scanner, shown = Scanner((16, 64, 16), AVERAGE.scanner), eye(Lesions("none"))
    random = np.random.default_rng(0)
    tops = [np.argmax(scanner.scan(shown, random)[:, :, 2] > 90, axis=1) for _ in range(800)]
    jumps = np.array([np.abs(np.diff(top)).mean() for top in tops])
    assert np.mean(jumps > 1.2) == pytest.approx(0.07, abs=0.03)


def test_without_strength_every_device_is_the_average_one():
    for role in ("train", "held_out"):
        drawn = draw_devices(0.0, role, np.random.default_rng(0))
        assert drawn == Devices()


def test_held_out_devices_differ_on_axes_that_no_training_device_does():
    train = [draw_devices(1.0, "train", np.random.default_rng(s)) for s in range(50)]
    unseen = [draw_devices(1.0, "held_out", np.random.default_rng(s)) for s in range(50)]
    for part, names in (
        ("camera", ("interlacing", "cropping")),
        ("scanner", ("field", "compression")),
    ):
        for name in names:
            assert not any(getattr(getattr(d, part), name) for d in train)
            assert all(abs(getattr(getattr(d, part), name)) >= 0.6 for d in unseen)


@pytest.mark.parametrize(
    "style",
    [
        {"mixing": (1.0, -1.0, 0.5, 1.0, -0.5, 1.0)},
        {"curve": (1.0, -1.0, 0.5)},
        {"compression": 1.0},
        {"field": 1.0},
        {"interlacing": 1.0},
        {"cropping": 1.0},
    ],
)
def test_each_axis_changes_a_photograph(style):
    average = pictures(Lesions("none"))[0]
    other = pictures(Lesions("none"), camera=replace(CameraStyle(), **style))[0]
    assert np.abs(other - average).mean() > 0.3


@pytest.mark.parametrize(
    "axis_", ["averaging", "spacing", "curve", "range", "field", "compression"]
)
def test_each_axis_changes_a_volume(axis_):
    average = pictures(Lesions("none"))[1]
    other = pictures(Lesions("none"), scanner=replace(ScannerStyle(), **{axis_: 1.0}))[1]
    assert np.abs(other - average).mean() > 0.3


def test_more_frames_mean_less_speckle():
    def grain(averaging):
        volume = pictures(Lesions("none"), scanner=ScannerStyle(averaging=averaging))[1]
        return volume[:, :12].std()

    assert grain(-1.0) > 1.5 * grain(1.0)


def test_scans_that_were_not_taken_repeat_their_neighbours():
    volume = pictures(Lesions("none"), scanner=ScannerStyle(spacing=0.5))[1]
    same = [np.array_equal(a, b) for a, b in zip(volume[1:], volume[:-1], strict=True)]
    assert sum(same) == 8


def test_interlacing_moves_odd_lines_only():
    picture = np.arange(3 * 4 * 6, dtype=np.uint8).reshape(3, 4, 6)
    moved = interlaced(picture, 2)
    np.testing.assert_array_equal(moved[:, ::2], picture[:, ::2])
    np.testing.assert_array_equal(moved[:, 1::2, 2:], picture[:, 1::2, :-2])


def test_compression_loses_more_the_stronger_it_is():
    picture = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    lost = [np.abs(compressed(picture, d).astype(int) - picture).mean() for d in (-1, 0, 1)]
    assert lost == sorted(lost)
    assert lost[2] > lost[0] + 2


def test_a_tone_curve_keeps_black_and_white_and_order():
    for bend in (-1.0, 0.0, 1.0):
        curve = bent(bend).astype(int)
        assert (curve[0], curve[-1]) == (0, 255)
        assert (np.diff(curve) >= 0).all()
    assert bent(0.0, floor=0.1)[:102].max() == 0


def test_an_eye_is_drawn_from_its_generator_alone():
    patient = Patient("amd", True, 0.5, 0.0, 1.0, (3, 3))
    one, other = (eye_of(patient, True, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(one.lesions.drusen.x, other.lesions.drusen.x)
    assert one.disc == other.disc
