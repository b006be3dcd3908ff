"""Whole patients set apart."""

import numpy as np

from fed.patients import whole_patients


def test_no_patient_is_on_both_sides_and_as_many_cases_as_fit_are_set_apart():
    patients = ["a", "b", "a", "c", "d", "d", "d", "e"]
    for seed in range(20):
        apart, others = whole_patients(patients, 4, np.random.default_rng(seed))
        assert sorted([*apart, *others]) == list(range(8))
        assert not {patients[i] for i in apart} & {patients[i] for i in others}
        assert 3 <= len(apart) <= 4


def test_all_or_none():
    apart, others = whole_patients(["a", "b"], 9, np.random.default_rng(0))
    assert (apart.tolist(), others.tolist()) == ([0, 1], [])
    apart, others = whole_patients(["a", "b"], 0, np.random.default_rng(0))
    assert (apart.tolist(), others.tolist()) == ([], [0, 1])
