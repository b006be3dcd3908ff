"""Grades of two eyes, labels of a grader, and the subtypes behind each grade."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from fed.data.phantom.clinic import DISEASES, as_recorded, draw_patient
from fed.data.phantom.clinic import literature as known
from fed.data.phantom.clinic.amd import draw_amd
from fed.data.phantom.clinic.diabetes import draw_diabetes
from fed.data.phantom.clinic.eye import log_normal, private_amounts
from fed.data.phantom.clinic.patient import pick


def patients(count, proportions=(0.25, 0.25, 0.25, 0.25), graded="grade"):
    random = np.random.default_rng(0)
    return [draw_patient(np.array(proportions), DISEASES[graded], random) for _ in range(count)]


@pytest.mark.parametrize("proportions", [(0.25, 0.25, 0.25, 0.25), (0.7, 0.1, 0.1, 0.1)])
def test_both_eyes_have_the_proportions_and_agree_by_the_kappa_of_fellow_eyes(proportions):
    grades = np.array([p.grades for p in patients(6000, proportions)])
    for eye in (0, 1):
        shares = np.bincount(grades[:, eye], minlength=4) / len(grades)
        np.testing.assert_allclose(shares, proportions, atol=0.02)
    assert cohen_kappa_score(*grades.T) == pytest.approx(known.FELLOW, abs=0.03)


def test_what_is_graded_decides_whom_the_clinic_sees():
    assert {p.disease for p in patients(50, graded="amd")} == {"amd"}
    assert {p.disease for p in patients(50, graded="dr")} == {"diabetes"}
    both = [p.disease == "amd" for p in patients(2000)]
    assert np.mean(both) == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize("grade", range(4))
def test_a_grader_is_off_by_one_step_at_most_and_rarely(grade):
    random = np.random.default_rng(1)
    labels = np.array([as_recorded(grade, random) for _ in range(5000)])
    assert labels.min() >= max(grade - 1, 0)
    assert labels.max() <= min(grade + 1, 3)
    assert np.mean(labels != grade) == pytest.approx(known.OFF_BY_ONE, abs=0.012)


def test_two_graders_agree_as_often_as_published():
    """84.8 % of 270 images (Srinivasan 2023): a standard error of 2.2 points."""
    random = np.random.default_rng(2)
    grades = random.integers(4, size=6000)
    pair = [[as_recorded(int(g), random) for g in grades] for _ in range(2)]
    assert np.mean(np.equal(*pair)) == pytest.approx(0.848, abs=0.03)


def test_private_amounts_of_the_two_modalities_correlate_positively():
    random = np.random.default_rng(3)
    logarithms = np.log([private_amounts(random) for _ in range(8000)])
    assert np.corrcoef(logarithms.T)[0, 1] == pytest.approx(known.CORRELATION, abs=0.03)
    np.testing.assert_allclose(np.median(logarithms, axis=0), 0, atol=0.03)


def test_log_normal_has_the_mean_and_deviation_asked_for():
    random = np.random.default_rng(4)
    drawn = [log_normal(random, 412, 130) for _ in range(20000)]
    assert np.mean(drawn) == pytest.approx(412, rel=0.02)
    assert np.std(drawn) == pytest.approx(130, rel=0.05)


@pytest.mark.parametrize("shares", [known.INTERMEDIATE, known.LATE, *known.RETINOPATHY.values()])
def test_shares_add_up_and_are_drawn(shares):
    assert sum(shares.values()) == pytest.approx(1)
    random = np.random.default_rng(5)
    drawn = [pick(shares, random) for _ in range(4000)]
    for key, share in shares.items():
        assert np.mean([d == key for d in drawn]) == pytest.approx(share, abs=0.03)


def test_the_grade_of_a_diabetic_eye_is_the_larger_of_level_and_oedema():
    for grade, pairs in known.RETINOPATHY.items():
        assert {max(pair) for pair in pairs} == {grade}


def test_sight_threatening_eyes_have_the_published_shares_of_both_axes():
    """Yau 2012: of 10.2 %, 6.96 % have proliferative disease and 6.81 % oedema."""
    pairs = known.RETINOPATHY[3]
    level = sum(share for (found, _), share in pairs.items() if found == 3)
    oedema = sum(share for (_, found), share in pairs.items() if found == 3)
    assert level == pytest.approx(6.96 / 10.2, abs=0.01)
    assert oedema == pytest.approx(6.81 / 10.2, abs=0.01)


def test_drusen_are_of_the_size_that_beckman_asks_for():
    random = np.random.default_rng(6)

    def largest(found):
        return found.drusen.radius.max(initial=0) * 2.355 * known.MICROMETRES

    for _ in range(100):
        assert largest(draw_amd(0, random)) < known.MEDIUM
        assert known.MEDIUM <= largest(draw_amd(1, random)) < known.LARGE
        found = draw_amd(2, random)
        assert ("large" in found.subtype) == (largest(found) >= known.LARGE)
        assert ("pigment" in found.subtype) == bool(found.pigment.x.size)


def test_a_late_eye_is_atrophic_or_neovascular_half_and_half():
    random = np.random.default_rng(7)
    late = [draw_amd(3, random) for _ in range(1200)]
    atrophic = [f for f in late if f.subtype == "geographic atrophy"]
    neovascular = [f for f in late if f.subtype == "neovascular"]
    assert len(atrophic) + len(neovascular) == len(late)
    assert len(atrophic) / len(late) == pytest.approx(0.5, abs=0.05)
    assert all(f.atrophy.x.size for f in atrophic)
    assert not any(f.membrane.x.size or f.fluid.x.size for f in atrophic)
    cystic = np.mean([f.cysts.x.size > 0 for f in atrophic])
    assert cystic == pytest.approx(known.PSEUDOCYSTS, abs=0.06)
    photographed = np.mean([f.membrane.x.size > 0 for f in neovascular])
    assert photographed == pytest.approx(known.SEEN_IN_PHOTOGRAPH, abs=0.06)
    scanned = np.mean([f.thickness is not None for f in neovascular])
    assert scanned == pytest.approx(known.SEEN_IN_OCT, abs=0.04)


def test_a_mild_diabetic_eye_has_red_dots_and_nothing_else_in_its_photograph():
    random = np.random.default_rng(8)
    patient = patients(1, graded="dr")[0]
    mild = [draw_diabetes(1, patient, random) for _ in range(200)]
    mild = [f for f in mild if f.subtype.startswith("mild")]
    assert all(f.aneurysms.x.size for f in mild)
    assert not any(f.haemorrhages.x.size or f.exudates.x.size for f in mild)
