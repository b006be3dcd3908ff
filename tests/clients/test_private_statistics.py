"""Clusters are of enough patients; noised sums move by what one patient is said to move them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from clients.private_statistics import clusters_of, patient_sums, sensitivity
from clients.site import LocalSite, open_site
from clients.statistics import class_statistics
from fed.config import Config, resolve
from fed.data.cases import SiteCases, coarse
from fed.initial import initial_model

SITE: Mapping[str, Any] = {"modalities": ["fundus"], "cases": 24, "labels": [1, 1]}
WIDTH = 16


def config(**changes: Any) -> Config:
    raw: dict[str, Any] = {
        "task": {"classes": ["healthy", "ill"]},
        "data": {"image_size": 32, "volume_size": [4, 32, 32]},
        "sites": [{"name": "clinic", **SITE}, {"name": "unseen", "role": "held_out", **SITE}],
        "method": "fedrima",
        "model": {"normalisation": "group"},
    }
    return resolve(raw | changes)


def with_patients(site: LocalSite, patients: list[str]) -> LocalSite:
    cases = tuple(
        replace(case, patient_id=patient)
        for case, patient in zip(site.cases.cases, patients, strict=True)
    )
    return replace(site, cases=SiteCases(site.cases.site, cases, site.cases.images))


def test_eyes_of_one_patient_are_no_cluster_however_many() -> None:
    federation = config()
    site, model = open_site(federation, "clinic"), initial_model(federation)
    assert len(class_statistics(site, model).bank["fundus"]) >= 2
    one = with_patients(site, ["p"] * len(site.cases))
    assert class_statistics(one, model).bank == {}
    pairs = with_patients(site, [f"p{n % 2}" for n in range(len(site.cases))])
    assert class_statistics(pairs, model).bank == {}


def test_a_cluster_has_the_patients_that_are_asked_for() -> None:
    federation = config(privacy={"min_patients": 10})
    site, model = open_site(federation, "clinic"), initial_model(federation)
    found = class_statistics(site, model).bank["fundus"]
    assert len(found) == 2
    assert (found.counts >= 10).all()


def sums(seed: int, patients: list[str], scale: float = 1.0) -> np.ndarray:
    random = np.random.default_rng(seed)
    values = scale * random.standard_normal((len(patients), WIDTH))
    return patient_sums(values, random.integers(2, size=len(patients)), patients, 2)


def test_without_one_patient_the_sums_move_by_the_sensitivity_at_most() -> None:
    random = np.random.default_rng(0)
    patients = ["a", "b", "b", "c", "c", "c", "d"]
    for scale in (0.1, 1.0, 1e6):
        values = scale * random.standard_normal((7, WIDTH))
        labels = np.array([0, 1, 0, 1, 1, 1, 0])
        whole = patient_sums(values, labels, patients, 2)
        for left_out in "abcd":
            rows = [n for n, p in enumerate(patients) if p != left_out]
            others = patient_sums(values[rows], labels[rows], [patients[n] for n in rows], 2)
            assert 0 < np.linalg.norm(whole - others) <= sensitivity(1) * (1 + 1e-9)


def test_a_case_at_the_bound_moves_the_sums_by_all_of_the_sensitivity() -> None:
    far = patient_sums(np.full((1, WIDTH), 1e9), np.array([1]), ["a"], 2)
    assert np.linalg.norm(far) == pytest.approx(sensitivity(1))
    assert sensitivity(2) == pytest.approx(np.sqrt(2) * sensitivity(1))


def test_without_noise_the_clusters_are_means_and_spread_of_the_classes() -> None:
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1], 500)
    centres = np.array([0.2, -0.3])[labels][:, None]
    values = centres + 0.4 * random.standard_normal((1000, WIDTH))
    found = clusters_of(
        patient_sums(values, labels, [str(n) for n in range(1000)], 2),
        2,
        0.0,
        3,
        np.array([500, 500]),
    )
    np.testing.assert_array_equal(found.labels, [0, 1])
    np.testing.assert_allclose(found.means.mean(axis=1), [0.2, -0.3], atol=0.01)
    np.testing.assert_allclose(found.variances, 0.16, rtol=0.03)
    np.testing.assert_allclose(found.counts, 500, rtol=1e-5)


def test_a_class_of_too_few_is_not_told_and_counts_stay_below_the_card() -> None:
    whole = sums(0, [str(n) for n in range(40)])
    whole[:2] = [2.9, 41.0]
    found = clusters_of(whole, 2, 0.0, 3, np.array([10, 30]))
    assert found.labels.tolist() == [1]
    assert found.counts.tolist() == [30]


def test_the_noise_of_the_statistics_has_the_stated_deviation() -> None:
    federation = config(privacy={"epsilon": 4.0}, training={"rounds": 2})
    site, model = open_site(federation, "clinic"), initial_model(federation)
    account = site.account
    assert account is not None
    exact = config()
    features = open_site(exact, "clinic").encode_frozen(
        open_site(exact, "clinic").network(model), site.training
    )
    values = features.fundus.numpy().astype(np.float64)
    ids = [case.patient_id for case in site.cases.cases]
    truth = patient_sums(values, site.cases.labels(), ids, 2)
    deployed = replace(site, deployed=True)
    counts = []
    for _ in range(200):
        found = class_statistics(deployed, model).bank.get("fundus")
        if found is not None and found.labels.tolist() == [0, 1]:
            counts.append(found.counts)
    told = np.array(counts)
    stated = account.multiplier * sensitivity(1)
    assert len(told) > 50
    assert stated > 2.0
    # Counts below 3 and above the card are not told, which takes from the spread.
    assert 0.3 * stated < told[:, 0].std() < stated
    assert truth[:2].sum() == pytest.approx(24.0)


def test_a_simulation_sends_the_same_statistics_again_and_others_of_other_weights() -> None:
    federation = config(privacy={"epsilon": 50.0})
    site, model = open_site(federation, "clinic"), initial_model(federation)
    one, again = (class_statistics(site, model).bank["fundus"] for _ in range(2))
    np.testing.assert_array_equal(one.means, again.means)
    changed = {name: value + np.float32(1e-3) for name, value in model.items()}
    other = class_statistics(site, changed).bank["fundus"]
    assert len(one) != len(other) or (one.counts != other.counts).any()


@pytest.mark.parametrize(
    ("cases", "patients", "told"),
    [(0, 0, 0), (1, 1, 3), (2, 2, 3), (7, 2, 7), (3, 3, 3), (9, 9, 9)],
)
def test_a_count_of_few_patients_is_never_told_as_less(
    cases: int, patients: int, told: int
) -> None:
    assert coarse(cases, patients, 3) == told
    assert coarse(cases, patients, 1) == cases
