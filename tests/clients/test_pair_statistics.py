"""What a site that owns both modalities tells of its linked eyes, and what a budget makes of it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from clients.private_statistics import linked_sums, pairs_of, sensitivity
from clients.site import LocalSite, open_site
from clients.statistics import class_statistics
from fed.config import Config, resolve
from fed.data.cases import SiteCases
from fed.initial import initial_model
from fed.pair_sums import PairSums
from fed.prototypes import Prototypes

SITE: Mapping[str, Any] = {"modalities": ["fundus", "oct"], "cases": 24, "labels": [1, 1]}
PATIENTS = ["a", "b", "b", "c", "c", "c", "d"]
LABELS = np.array([0, 1, 0, 1, 1, 1, 0])


def config(**changes: Any) -> Config:
    raw: dict[str, Any] = {
        "task": {"classes": ["healthy", "ill"]},
        "data": {"image_size": 32, "volume_size": [4, 32, 32]},
        "sites": [{"name": "clinic", **SITE}, {"name": "unseen", "role": "held_out", **SITE}],
        "method": "anchored",
        "model": {"normalisation": "group"},
        "training": {"rounds": 2},
    }
    return resolve(raw | changes)


def opened(**changes: Any) -> LocalSite:
    return open_site(config(**changes), "clinic")


def test_they_are_the_cross_covariances_of_the_sites_features() -> None:
    site = opened()
    model = initial_model(site.config)
    found = class_statistics(site, model).pairs
    assert found is not None
    features = site.encode_frozen(site.network(model), site.training)
    labels = site.cases.labels()
    expected = PairSums.of(features.fundus.numpy(), features.oct.numpy(), labels, 2)
    np.testing.assert_array_equal(found.counts, np.bincount(labels))
    np.testing.assert_array_equal(found.scatter, expected.scatter)


def test_they_are_told_only_if_asked_for_and_only_of_linked_eyes() -> None:
    for changes in (
        {"method": "fedrima"},
        {"sites": [{"name": "clinic", **SITE, "paired": 0.0}, *config().model_dump()["sites"][1:]]},
    ):
        site = opened(**changes)
        assert class_statistics(site, initial_model(site.config)).pairs is None


def test_a_class_of_too_few_patients_is_left_out() -> None:
    site = opened()
    labels = [0] * 20 + [1] * 4
    patients = [f"p{n}" for n in range(20)] + ["one", "two"] * 2
    cases = tuple(
        replace(case, label=label, patient_id=patient)
        for case, label, patient in zip(site.cases.cases, labels, patients, strict=True)
    )
    site = replace(site, cases=SiteCases(site.cases.site, cases, site.cases.images))
    found = class_statistics(site, initial_model(site.config)).pairs
    assert found is not None
    assert found.counts.tolist() == [20, 0]
    assert not found.scatter[1].any()


@pytest.mark.parametrize("scale", [0.1, 1.0, 1e6])
def test_without_one_patient_the_sums_move_by_their_share_of_the_sensitivity_at_most(
    scale: float,
) -> None:
    random = np.random.default_rng(0)
    x, y = scale * random.standard_normal((7, 5)), scale * random.standard_normal((7, 3))
    whole = linked_sums(x, y, LABELS, PATIENTS, 2)
    share = np.sqrt(sensitivity(2, across=True) ** 2 - sensitivity(2) ** 2)
    for left_out in "abcd":
        rows = [n for n, patient in enumerate(PATIENTS) if patient != left_out]
        others = linked_sums(x[rows], y[rows], LABELS[rows], [PATIENTS[n] for n in rows], 2)
        assert 0 < np.linalg.norm(whole - others) <= share * (1 + 1e-9)


def halves(x: np.ndarray, y: np.ndarray, labels: np.ndarray) -> dict[Any, Prototypes]:
    """Return the means of each class as a bank."""
    known = np.unique(labels)
    return {
        modality: Prototypes(
            known,
            np.stack([v[labels == k].mean(axis=0) for k in known]).astype(np.float32),
            np.ones((len(known), v.shape[1]), np.float32),
            np.full(len(known), 9, np.float32),
        )
        for modality, v in (("fundus", x), ("oct", y))
    }


def test_without_noise_they_are_the_cross_covariances() -> None:
    random = np.random.default_rng(0)
    x = 0.3 * random.standard_normal((50, 5)) + 0.2
    y = 0.3 * random.standard_normal((50, 3)) + x[:, :3]
    labels = np.repeat([0, 1], 25)
    sums = linked_sums(x, y, labels, [str(n) for n in range(50)], 2)
    found = pairs_of(sums, halves(x, y, labels), 3, np.array([25, 25]))
    assert found is not None
    expected = PairSums.of(x, y, labels, 2)
    np.testing.assert_allclose(found.counts, expected.counts)
    np.testing.assert_allclose(found.scatter, expected.scatter, atol=1e-4)


def test_classes_of_too_few_or_without_a_mean_are_not_told_and_counts_stay_below_the_card() -> None:
    random = np.random.default_rng(0)
    x, y = 0.1 * random.standard_normal((30, 5)), 0.1 * random.standard_normal((30, 3))
    labels = np.repeat([0, 1, 2], 10)
    sums = linked_sums(x, y, labels, [str(n) for n in range(30)], 3)
    sums[0] = 2.9
    bank = halves(x[labels < 2], y[labels < 2], labels[labels < 2])
    found = pairs_of(sums, bank, 3, np.array([10, 8, 10]))
    assert found is not None
    assert found.counts.tolist() == [0, 8, 0]
    assert not found.scatter[[0, 2]].any()
    assert found.scatter[1].any()
    assert pairs_of(sums, {"oct": bank["oct"]}, 3, np.array([10, 8, 10])) is None


def test_with_a_budget_they_are_noised_alike_each_time() -> None:
    site = opened(privacy={"epsilon": 50.0})
    model = initial_model(site.config)
    one, again = (class_statistics(site, model).pairs for _ in range(2))
    exact = class_statistics(opened(), model).pairs
    assert one is not None
    assert again is not None
    assert exact is not None
    np.testing.assert_array_equal(one.scatter, again.scatter)
    assert (one.counts != exact.counts).all()
