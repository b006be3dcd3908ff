"""The account of privacy, against a computation of its own and what is known in closed form."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from scipy.optimize import brentq
from scipy.special import gammaln, logsumexp
from scipy.stats import norm

from fed.config import Config, resolve
from fed.errors import ConfigError
from fed.privacy import (
    ORDERS,
    Mechanism,
    account_of,
    epsilon_of,
    multiplier_for,
    planned_exchanges,
    training_mechanism,
)
from fed.sites import Resources, SiteCard

DELTA = 1e-5
CLINIC: Mapping[str, Any] = {"modalities": ["fundus", "oct"], "cases": 40}


def config(**changes: Any) -> Config:
    raw: dict[str, Any] = {
        "task": {"classes": ["healthy", "ill"]},
        "sites": [{"name": "clinic", **CLINIC}, {"name": "unseen", "role": "held_out", **CLINIC}],
        "method": "fedrima",
        "model": {"normalisation": "group"},
        "training": {"rounds": 10, "batch_size": 8, "local_epochs": 2},
        "privacy": {"epsilon": 4.0},
    }
    return resolve(raw | changes)


def card(cases: int) -> SiteCard:
    counts = {"both": (cases // 2, cases - cases // 2), "fundus": (0, 0), "oct": (0, 0)}
    return SiteCard("clinic", "clinic", "train", ("fundus", "oct"), counts, Resources())


def renyi(rate: float, noise: float, order: int) -> float:
    """Mironov, Talwar and Zhang 2019, section 3.3: whole orders, by the binomial theorem."""
    terms = [
        gammaln(order + 1)
        - gammaln(k + 1)
        - gammaln(order - k + 1)
        + (k * math.log(rate) if k else 0.0)
        + ((order - k) * math.log1p(-rate) if order > k else 0.0)
        + k * (k - 1) / (2 * noise**2)
        for k in range(order + 1)
        if rate < 1 or k == order
    ]
    return float(logsumexp(terms)) / (order - 1)


def epsilon_by_hand(uses: Sequence[tuple[Mechanism, int]], noise: float) -> float:
    """Add up divergences, and convert as Canonne, Kamath and Steinke 2020, proposition 12."""
    found = []
    for order in ORDERS:
        total = sum(renyi(m.rate, noise, order) * m.steps * times for m, times in uses)
        found.append(total + math.log1p(-1 / order) - math.log(DELTA * order) / (order - 1))
    return min(found)


@pytest.mark.parametrize("noise", [0.8, 1.5, 6.0])
@pytest.mark.parametrize(
    "uses",
    [
        [(Mechanism(1.0, 1), 1)],
        [(Mechanism(0.2, 10), 17)],
        [(Mechanism(0.05, 20), 17), (Mechanism(0.5, 4), 3), (Mechanism(1.0, 1), 2)],
    ],
)
def test_epsilon_is_that_of_a_computation_of_its_own(
    uses: list[tuple[Mechanism, int]], noise: float
) -> None:
    assert epsilon_of(tuple(uses), noise, DELTA) == pytest.approx(
        epsilon_by_hand(uses, noise), rel=1e-6
    )


@pytest.mark.parametrize("noise", [1.0, 3.0, 10.0])
def test_one_gaussian_is_never_counted_as_less_than_it_is(noise: float) -> None:
    """Balle and Wang 2018, theorem 5: the exact delta of a Gaussian mechanism."""

    def delta(epsilon: float) -> float:
        a, b = 1 / (2 * noise), epsilon * noise
        return float(norm.cdf(a - b) - math.exp(epsilon) * norm.cdf(-a - b))

    exact = brentq(lambda epsilon: delta(epsilon) - DELTA, 1e-3, 20)
    accounted = epsilon_of(((Mechanism(1.0, 1), 1),), noise, DELTA)
    assert exact <= accounted <= 1.3 * exact


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 8.0])
def test_the_noise_is_the_least_that_keeps_within_the_budget(epsilon: float) -> None:
    uses = ((Mechanism(0.2, 1), 170), (Mechanism(1.0, 1), 1))
    noise = multiplier_for(uses, epsilon, DELTA)
    assert epsilon_by_hand(uses, noise) <= epsilon * (1 + 1e-9)
    assert epsilon_by_hand(uses, noise * 0.998) > epsilon


def test_a_budget_that_no_noise_can_keep_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"privacy\.epsilon"):
        multiplier_for(((Mechanism(1.0, 1), 1),), 1e-9, 1e-12)


def test_all_that_a_run_does_spends_no_more_than_its_budget_and_one_round_less() -> None:
    federation = config()
    account = account_of(federation, card(40))
    assert account is not None
    assert account.spent({}) == 0.0
    half = {work: times // 2 for work, times in account.planned.items()}
    assert 0 < account.spent(half) < account.spent(account.planned) <= 4.0
    assert account.spent(account.planned) > 3.9
    further = {**account.planned, "encoders": account.planned["encoders"] + 1}
    assert account.allows(account.planned)
    assert not account.allows(further)


def test_steps_and_rate_follow_from_the_cases_and_the_batch() -> None:
    federation = config()
    assert training_mechanism(federation, 0, 40) == Mechanism(1 / 5, 10)
    assert training_mechanism(federation, 1, 40) == Mechanism(1.0, 2)  # batch: 4
    assert training_mechanism(federation, 0, 3) == Mechanism(1.0, 2)


def test_class_statistics_are_planned_for_the_bank_and_for_onboarding() -> None:
    assert planned_exchanges(config()) == {"encoders": 8, "fusion": 2, "statistics": 1}
    onboarding = {"onboarding": {"archive": 10}}
    assert planned_exchanges(config(evaluation=onboarding))["statistics"] == 2


def test_without_a_budget_there_is_no_account() -> None:
    assert account_of(config(privacy={}), card(40)) is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": {}}, r"model\.normalisation: batch"),
        ({"model": {"normalisation": "local"}}, r"model\.normalisation: local"),
        ({"method": "rima_at_both"}, r"method\.align\.single"),
        ({"training": {"precision": "fp16"}}, r"training\.precision: fp16"),
        ({"start": "runs/other"}, "start: not with"),
    ],
)
def test_what_ties_patients_together_is_refused_by_its_key(
    changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        config(**changes)
    assert "\n" not in str(caught.value)
