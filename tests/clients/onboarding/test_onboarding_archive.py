import numpy as np
import pytest

from clients.onboarding.archive import knowledge, set_archive_apart, shares
from fed.config.onboarding import Onboarding
from fed.data.cases import Case


def cases(eyes_of_each_patient):
    return [
        Case(f"{patient}/{eye}", f"patient-{patient}", 0, ("fundus",))
        for patient, eyes in enumerate(eyes_of_each_patient)
        for eye in range(eyes)
    ]


def test_no_patient_is_both_in_the_archive_and_judged_on():
    own = cases([1, 2, 3] * 20)
    archive, judged = set_archive_apart(own, 50, np.random.default_rng(0))
    assert sorted([*archive, *judged]) == list(range(len(own)))
    patients = [{own[i].patient_id for i in part} for part in (archive, judged)]
    assert not patients[0] & patients[1]


@pytest.mark.parametrize(("size", "expected"), [(0, 0), (7, 7), (39, 39), (40, 40)])
def test_the_archive_has_the_size_asked_for_where_patients_allow(size, expected):
    archive, _ = set_archive_apart(cases([1] * 40), size, np.random.default_rng(1))
    assert len(archive) == expected


def test_whole_patients_that_do_not_fit_stay_out():
    archive, judged = set_archive_apart(cases([2] * 10), 7, np.random.default_rng(2))
    assert (len(archive), len(judged)) == (6, 14)


def test_the_split_follows_from_the_generator_alone():
    one, two, three = (
        set_archive_apart(cases([1] * 40), 20, np.random.default_rng(seed))[0].tolist()
        for seed in (5, 5, 6)
    )
    assert one == two != three


def test_known_counts_are_exact_and_noise_has_the_spread_that_is_stated():
    labels = np.array([0] * 40 + [2] * 10)
    random = np.random.default_rng(0)
    known = knowledge(Onboarding(counts="known"), labels, 3, random)
    np.testing.assert_array_equal(known.counts, [40, 0, 10])
    drawn = [
        knowledge(Onboarding(counts="noisy", noise=0.2), labels, 3, random).counts[0]
        for _ in range(2000)
    ]
    assert np.std(np.log(drawn)) == pytest.approx(0.2, rel=0.05)
    assert np.mean(np.log(drawn)) == pytest.approx(np.log(40), abs=0.02)


@pytest.mark.parametrize("counts", ["none", "estimated"])
def test_without_counts_no_label_is_looked_at(counts):
    known = knowledge(Onboarding(counts=counts), None, 3, np.random.default_rng(0))
    assert known.counts is None
    assert known.estimated == (counts == "estimated")


def test_shares_add_half_a_case_to_each_class():
    np.testing.assert_allclose(shares(np.array([18.0, 0.0])), [18.5 / 19, 0.5 / 19])
