"""Noised sums for heads in closed form: what one patient moves, the noise, and what heads lose."""

import math
from pathlib import Path
from typing import Any

import dp_accounting as dp
import numpy as np
import pytest
from dp_accounting import rdp
from numpy.typing import NDArray

import fedrima
from clients.class_sums import class_sums
from clients.private_sums import (
    BOUND,
    SHARES,
    patient_sums,
    private_sums,
    read_sums,
    scaled,
)
from clients.public_scale import PublicScale, public_scale
from clients.site import LocalSite, open_site
from fed.config import resolve
from fed.errors import ConfigError
from fed.initial import initial_model
from fed.privacy import ORDERS, account_of
from fed.report.card import write_card
from fed.storage import read_tensors
from model.closed_form import ClassSums
from tests.acceptance.federations import group, tiny

WIDTH = 6


def whole(
    values: NDArray[np.float64], labels: list[int], patients: list[str]
) -> NDArray[np.float64]:
    return patient_sums(values, np.array(labels), patients, 2)


def by_hand(
    values: NDArray[np.float64], labels: list[int], patients: list[str]
) -> list[NDArray[np.float64]]:
    """Sum eye by eye: counts, class sums and the whole Gram matrix, in units of the bound."""
    counts, totals, gram = np.zeros(2), np.zeros((2, WIDTH)), np.zeros((WIDTH, WIDTH))
    for value, label, patient in zip(values, labels, patients, strict=True):
        short = value / math.sqrt(WIDTH)
        short = short / max(1.0, math.sqrt(short @ short))
        weight = 1 / patients.count(patient)
        counts[label] += weight
        totals[label] += weight * short
        gram += weight * np.outer(short, short)
    return [
        math.sqrt(share) * part for share, part in zip(SHARES, (counts, totals, gram), strict=True)
    ]


@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0, 1e6])
def test_without_one_patient_the_sums_move_as_far_as_by_hand_and_by_1_at_most(scale: float) -> None:
    values = scale * np.random.default_rng(0).standard_normal((7, WIDTH))
    labels, patients = [0, 1, 0, 1, 1, 1, 0], ["a", "b", "b", "c", "c", "c", "d"]
    for left_out in "abcd":
        rows = [n for n, p in enumerate(patients) if p != left_out]
        neighbour = [labels[n] for n in rows], [patients[n] for n in rows]
        moved = np.linalg.norm(whole(values, labels, patients) - whole(values[rows], *neighbour))
        parts = zip(
            by_hand(values, labels, patients), by_hand(values[rows], *neighbour), strict=True
        )
        assert moved == pytest.approx(math.sqrt(sum(((a - b) ** 2).sum() for a, b in parts)))
        assert moved <= 1 + 1e-9


@pytest.mark.parametrize("direction", [np.eye(WIDTH)[0], np.ones(WIDTH)])
def test_the_worst_patient_moves_them_by_1(direction: NDArray[np.float64]) -> None:
    worst = 1e9 * direction[None]
    assert np.linalg.norm(whole(worst, [1], ["a"])) == pytest.approx(1.0)
    assert np.linalg.norm(whole(worst[[0, 0, 0]], [1] * 3, ["a"] * 3)) == pytest.approx(1.0)
    broken = np.full((1, WIDTH), np.nan)
    assert np.linalg.norm(whole(broken, [1], ["a"])) <= 1.0


def test_without_noise_they_are_the_sums_of_the_features() -> None:
    random = np.random.default_rng(1)
    values, labels = random.standard_normal((40, WIDTH)) / 2 + 1, random.integers(2, size=40)
    scale = PublicScale(np.full(WIDTH, 0.7), 0.4)
    sums = patient_sums(scaled(values, scale), labels, [str(n) for n in range(40)], 2)
    found, truth = read_sums(sums, scale, 3, np.array([40, 40])), ClassSums.of(values, labels, 2)
    np.testing.assert_array_equal(found.counts, truth.counts)
    np.testing.assert_allclose(found.means, truth.means)
    np.testing.assert_allclose(found.scatter, truth.scatter, atol=1e-9)


def test_a_class_of_few_patients_is_not_told_and_no_count_is_above_the_card() -> None:
    values = np.random.default_rng(2).standard_normal((12, WIDTH))
    sums = whole(values, [0] * 10 + [1] * 2, [str(n) for n in range(12)])
    found = read_sums(sums, PublicScale(np.zeros(WIDTH), 1.0), 3, np.array([8, 2]))
    assert found.counts.tolist() == [8, 0]
    assert not found.means[1].any()


@pytest.fixture(scope="module")
def private() -> dict[str, Any]:
    return tiny(
        method="analytic",
        training={"rounds": 1},
        engine={"name": "inline"},
        privacy={"epsilon": 4.0},
    )


@pytest.fixture(scope="module")
def hospital(private: dict[str, Any]) -> LocalSite:
    return open_site(resolve(private), "hospital")


def test_noise_has_the_stated_deviation_over_both_modalities(hospital: LocalSite) -> None:
    model = initial_model(hospital.config)
    network = hospital.network(model)
    features = hospital.encode_frozen(network, hospital.training)
    scale = public_scale(hospital, network)
    none, noised = (
        private_sums(hospital, features, scale, multiplier, model).single
        for multiplier in (0.0, 1e-3)
    )
    for modality in ("fundus", "oct"):
        width = len(scale[modality].mean)
        unit = BOUND * scale[modality].spread * math.sqrt(width)
        moved = (noised[modality].scatter - none[modality].scatter) / unit**2
        stated = 1e-3 * math.sqrt(2 / SHARES[2])
        beside = moved[np.triu_indices(width, 1)].std()
        assert beside == pytest.approx(stated / math.sqrt(2), rel=0.1)
        assert moved.diagonal().std() == pytest.approx(stated, rel=0.3)
        counts = none[modality].counts[:, None]
        means = counts * (noised[modality].means - none[modality].means)
        stated = 1e-3 * math.sqrt(2 / SHARES[1])
        assert means.std() / unit == pytest.approx(stated, rel=0.15)


def test_the_scale_is_of_no_patient_and_the_same_at_every_site(private: dict[str, Any]) -> None:
    config = resolve(private)
    model = initial_model(config)
    hospital, clinic = (open_site(config, name) for name in ("hospital", "clinic-1"))
    found = public_scale(clinic, clinic.network(model))
    assert set(found) == {"fundus"}
    other = public_scale(hospital, hospital.network(model))["fundus"]
    np.testing.assert_allclose(found["fundus"].mean, other.mean)
    assert found["fundus"].spread == pytest.approx(other.spread)


def test_a_simulation_sends_the_same_sums_again(hospital: LocalSite) -> None:
    model = initial_model(hospital.config)
    once, again = (class_sums(hospital, model).single["fundus"] for _ in range(2))
    np.testing.assert_array_equal(once.scatter, again.scatter)


@pytest.mark.parametrize("epsilon", [1.0, 3.0, 10.0])
def test_the_account_is_of_one_gaussian(private: dict[str, Any], epsilon: float) -> None:
    config = resolve(private | {"privacy": {"epsilon": epsilon}})
    account = account_of(config, open_site(config, "hospital").card)
    assert account is not None
    assert account.planned == {"heads": 1, "statistics": 0}
    accountant = rdp.RdpAccountant(ORDERS)
    accountant.compose(dp.GaussianDpEvent(account.multiplier))
    assert accountant.get_epsilon(1e-5) == pytest.approx(epsilon, rel=2e-3)
    assert not account.allows({"heads": 2})


def test_more_epsilon_brings_the_heads_nearer_to_those_without_noise(
    private: dict[str, Any], tmp_path: Path
) -> None:
    both = ["fundus", "oct"]
    solve = {"name": "heads", "trains": ["heads"], "solve": {"ridge": 1.0}}
    federation = private | {
        "sites": [
            group("hospital", both, count=2, cases=60),
            group("unseen", both, role="held_out"),
        ],
        "method": {"base": "analytic", "name": "one_ridge", "phases": [solve]},
    }

    def weights(name: str, privacy: dict[str, float]) -> NDArray[np.float64]:
        fedrima.run(federation | {"privacy": privacy}, out=tmp_path / name)
        found = read_tensors(tmp_path / name / "model.safetensors")
        heads = [np.ravel(found[f"{m}_head.weight"]) for m in both]
        return np.concatenate([head / np.linalg.norm(head) for head in heads])

    exact = weights("exact", {})
    away = [
        float(np.linalg.norm(weights(f"{epsilon:g}", {"epsilon": epsilon}) - exact))
        for epsilon in (10.0, 1e4, 1e9)
    ]
    assert away == sorted(away, reverse=True)
    assert away[-1] < 0.05 < 0.5 < away[0]


def test_report_rounds_and_card_tell_what_was_spent(
    private: dict[str, Any], tmp_path: Path
) -> None:
    run = fedrima.run(private, out=tmp_path / "run")
    told = run.results.privacy
    assert told is not None
    assert all(3.98 < spent.epsilon <= 4.0 for spent in told.sites.values())
    assert set(run.rounds[0].epsilon) == set(told.sites)
    assert "sums for heads in closed form" in (tmp_path / "run/report.html").read_text()
    write_card(run, tmp_path / "card.md")
    assert "differential privacy: epsilon 4 at delta 1e-05" in (tmp_path / "card.md").read_text()


def test_own_moments_are_refused() -> None:
    frozen = {"fundus": {"encoder": "own", "standardise": True}}
    data = {"source": "manifest", "path": "eyes.csv"}
    sites = [
        group("clinic", ["fundus"], cases=0.5),
        group("unseen", ["fundus"], role="held_out", cases=0.5),
    ]
    options = {"data": data, "sites": sites, "model": {"frozen": frozen}}
    with pytest.raises(ConfigError, match="standardise: takes moments over patients"):
        resolve(tiny(method="analytic", privacy={"epsilon": 4.0}, **options))
