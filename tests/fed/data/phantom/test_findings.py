"""Findings rise with the grade, and show in the modality they belong to."""

from dataclasses import replace

import numpy as np
import pytest

from fed.data.phantom import Style, draw_eye, draw_pair
from fed.data.phantom.findings import Scatter
from fed.data.phantom.oct import EXTENT
from fed.data.phantom.raster import Spots, axis

CLASSES = 4
NONE = Spots(*np.zeros((4, 0), dtype=np.float32))
FUNDUS_ONLY = ["haemorrhages", "exudates", "clumps"]
BOTH = ["drusen", "atrophy"]
OCT_ONLY = ["cysts", "detachment", "thinning"]


def eye(grade, seed):
    return draw_eye(grade, CLASSES, np.random.default_rng(seed))


def pair(drawn):
    """Both images of an eye, at the same place and with the same noise whatever its findings."""
    return [
        image.astype(float)
        for image in draw_pair(drawn, Style(), 96, (16, 64, 48), np.random.default_rng(0))
    ]


def burden(drawn, finding):
    found = getattr(drawn, finding)
    return found if isinstance(found, float) else found.x.size


def without(drawn, finding):
    if finding == "thinning":
        return replace(drawn, thinning=0.0)
    if finding == "cysts":
        empty = np.zeros(0, dtype=np.float32)
        return replace(drawn, cysts=type(drawn.cysts)(empty, empty, empty, empty, empty))
    return replace(drawn, **{finding: NONE})


@pytest.mark.parametrize("finding", FUNDUS_ONLY + BOTH + OCT_ONLY)
def test_burden_rises_with_the_grade(finding):
    mean = [np.mean([burden(eye(g, s), finding) for s in range(150)]) for g in range(CLASSES)]
    assert mean == sorted(mean)
    assert mean[-1] > 2 * mean[0]


@pytest.mark.parametrize("finding", FUNDUS_ONLY + BOTH + OCT_ONLY)
def test_findings_show_where_they_belong(finding):
    drawn = next(e for e in (eye(3, s) for s in range(100)) if burden(e, finding))
    with_it, without_it = pair(drawn), pair(without(drawn, finding))
    changed = [bool((a != b).any()) for a, b in zip(with_it, without_it, strict=True)]
    assert changed == [finding not in OCT_ONLY, finding not in FUNDUS_ONLY]


def test_a_druse_is_at_the_same_place_in_both_modalities():
    healthy = without(eye(0, 3), "drusen")
    spot = np.array([[0.2], [-0.1], [0.04], [1.0]], dtype=np.float32)
    bare, marked = pair(healthy), pair(replace(healthy, drusen=Spots(*spot)))
    fundus = np.abs(marked[0] - bare[0]).sum(axis=0)
    row, column = np.unravel_index(fundus.argmax(), fundus.shape)
    assert (axis(96)[column], axis(96)[row]) == pytest.approx((0.2, -0.1), abs=0.03)
    enface = np.abs(marked[1] - bare[1]).sum(axis=1)
    row, column = np.unravel_index(enface.argmax(), enface.shape)
    assert axis(48, EXTENT)[column] == pytest.approx(0.2, abs=0.03)
    assert axis(16, EXTENT)[row] == pytest.approx(-0.1, abs=0.06)


def test_yellow_spots_make_the_macula_of_late_grades_paler():
    def pallor(grade):
        maculas = [pair(eye(grade, seed))[0][1, 32:64, 32:64] for seed in range(40)]
        return np.mean([macula.std() / macula.mean() for macula in maculas])

    assert pallor(3) > 1.5 * pallor(0)


def test_the_retina_lies_between_dark_vitreous_and_fading_choroid():
    column = np.mean([pair(eye(0, seed))[1].mean(axis=(0, 2)) for seed in range(20)], axis=0)
    vitreous, retina, deep = column[:12].mean(), column[26:46].mean(), column[-6:].mean()
    assert retina > 2 * vitreous
    assert retina > 2 * deep


def test_the_fovea_is_thinnest_at_the_centre_and_the_disc_brightest():
    healthy = eye(0, 5)
    fundus, volume = pair(healthy)
    bright = (volume[7:9].mean(axis=0) > 60).sum(axis=0)
    assert bright[21:27].mean() < bright[8:14].mean()
    assert bright[21:27].mean() < bright[34:40].mean()
    row, column = np.unravel_index(fundus[1].argmax(), fundus[1].shape)
    assert abs(complex(axis(96)[column], axis(96)[row]) - healthy.disc) < healthy.disc_radius


def test_without_scatter_findings_follow_severity_alone():
    exact = Scatter(shared=0.0, fundus=0.0, oct=0.0)
    drawn = [draw_eye(g, 4, np.random.default_rng(s), exact) for g in range(4) for s in range(50)]
    thinning = np.array([e.thinning for e in drawn]).reshape(4, 50)
    assert all(thinning[g].max() <= thinning[g + 1].min() for g in range(3))


@pytest.mark.parametrize("classes", [2, 5])
def test_any_number_of_grades(classes):
    drawn = [draw_eye(classes - 1, classes, np.random.default_rng(s)) for s in range(30)]
    assert {e.grade for e in drawn} == {classes - 1}
    assert np.mean([e.drusen.x.size for e in drawn]) > 10
