"""Procedures at a hospital whose devices shift features, on Gaussians that the model knows."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from clients.onboarding import Hospital, adapt
from clients.onboarding.archive import Knowledge
from clients.onboarding.procedures import WITH_SHARES
from fed.prototypes import Prototypes
from model.rima import Features

CENTRES = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]])
MIX = np.array([0.1, 0.2, 0.7])
OFFSET = np.array([1.5, -1.0])
EVEN = np.full(3, 1 / 3)


def answer(features):
    """Return the posterior of unit Gaussians around the centres: right where nothing shifts."""
    x = features.fundus.numpy().astype(np.float64)
    likelihood = np.exp(-((x[:, None] - CENTRES) ** 2).sum(axis=2) / 2)
    return likelihood / likelihood.sum(axis=1, keepdims=True)


def fundus(values):
    n = len(values)
    return Features(
        torch.from_numpy(values).float(),
        torch.zeros(n, 1),
        torch.ones(n, dtype=torch.bool),
        torch.zeros(n, dtype=torch.bool),
    )


def drawn(number, random):
    labels = random.choice(3, size=number, p=MIX)
    return labels, fundus(CENTRES[labels] + OFFSET + random.standard_normal((number, 2)))


@pytest.fixture
def hospital():
    random = np.random.default_rng(0)
    labels, archive = drawn(400, random)
    bank = Prototypes(
        np.arange(3),
        CENTRES.astype(np.float32),
        np.ones((3, 2), dtype=np.float32),
        np.full(3, 50, dtype=np.float32),
    )
    _, judged = drawn(4000, random)
    known = Knowledge(np.bincount(labels, minlength=3).astype(float))
    return Hospital(archive, judged, known, answer, EVEN, {"fundus": bank})


def accuracy(probabilities):
    labels, _ = drawn(400, random := np.random.default_rng(0))
    labels, _ = drawn(4000, random)
    return (probabilities.argmax(axis=1) == labels).mean()


def test_each_procedure_gains_where_devices_shift_and_alignment_finds_the_offset(hospital):
    found = {name: accuracy(p) for name, p in adapt(hospital).items()}
    unadapted = accuracy(answer(hospital.judged))
    assert min(found[name] for name in ("bayes", "bank_bayes")) > unadapted + 0.05
    assert found["bank_offsets"] > found["bank_bayes"]
    assert found["offsets"] > found["bayes"]
    ideal = answer(fundus(hospital.judged.fundus.numpy() - OFFSET)) * MIX
    for name in ("aligned_bayes", "aligned_offsets", "bank_aligned_bayes", "bank_aligned_offsets"):
        assert found[name] == pytest.approx(accuracy(ideal), abs=0.02)


def test_without_the_bank_no_bank_is_needed_but_to_align(hospital):
    with_bank, without = adapt(hospital), adapt(replace(hospital, bank={}))
    for name in ("bayes", "offsets"):
        np.testing.assert_array_equal(with_bank[name], without[name])
    np.testing.assert_array_equal(without["bank_offsets"], without["offsets"])


def test_without_knowledge_only_the_bank_is_averaged_in(hospital):
    found = adapt(replace(hospital, knowledge=Knowledge()))
    assert list(found) == ["bank"]
    distances = ((hospital.judged.fundus.numpy()[:, None] - CENTRES) ** 2).sum(axis=2)
    assert (found["bank"].argmax(axis=1) == distances.argmin(axis=1)).all()


def test_estimated_shares_come_from_the_archive(hospital):
    still = replace(hospital, archive=fundus(hospital.archive.fundus.numpy() - OFFSET))
    np.testing.assert_allclose(
        replace(still, bank={}, knowledge=Knowledge(estimated=True)).shares, MIX, atol=0.05
    )


def test_a_bank_that_lacks_a_class_is_left_out(hospital):
    part = hospital.bank["fundus"].of_class(0)
    lacking = adapt(replace(hospital, bank={"fundus": part}))
    without = adapt(replace(hospital, bank={}))
    for name in lacking:
        np.testing.assert_array_equal(lacking[name], without[name])


def test_a_model_made_for_other_shares_is_corrected_from_those(hospital):
    prior = np.array([0.6, 0.3, 0.1])

    def biased(features):
        joint = answer(features) * prior
        return joint / joint.sum(axis=1, keepdims=True)

    one, other = adapt(hospital), adapt(replace(hospital, answer=biased, prior=prior))
    for name in WITH_SHARES:
        np.testing.assert_allclose(one[name], other[name], atol=1e-9)


def test_no_case_and_no_archive_are_no_trouble(hospital):
    nobody = fundus(np.zeros((0, 2)))
    for changed in (replace(hospital, judged=nobody), replace(hospital, archive=nobody)):
        for probabilities in adapt(changed).values():
            assert probabilities.shape == (len(changed.judged), 3)
            assert np.isfinite(probabilities).all()
