"""The account of differential privacy: what each exchange spends, and the noise a budget needs.

The unit is a patient of a training site. Two data sets are neighbours if one patient's eyes count
as nothing in one of them ("zero-out" adjacency, Kairouz et al., ICML 2021), so that the number of
patients is no secret; a patient's eyes are all at one site, so that sites do not add up.

A step of local training draws each patient with the same probability, clips the gradient of each to
``privacy.clip`` and adds Gaussian noise to the sum: a Poisson-sampled Gaussian mechanism (Abadi et
al., CCS 2016). A request for class statistics, or for the sums that heads in closed form are solved
from, is a Gaussian mechanism over all patients. All use the same noise multiplier, the standard
deviation in sensitivities. Renyi divergences of all of them add up (Mironov 2017; Mironov, Talwar and
Zhang 2019), by Google's `dp-accounting`.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from fed.config import Config
from fed.config.clock import STATISTICS
from fed.errors import ConfigError
from fed.schedule import schedule
from fed.sites import SiteCard

if TYPE_CHECKING:
    from dp_accounting import DpEvent

ORDERS = (*range(2, 65), 80, 96, 128, 192, 256, 512, 1024)
"""Of the Renyi divergences that are followed."""
TOLERANCE = 1e-3
"""Relative precision of the noise multiplier, always to the side of more noise."""
MOST_NOISE = 2.0**20


@dataclass(frozen=True)
class Mechanism:
    """What one exchange does with a site's patients.

    Attributes
    ----------
    rate : float
        Probability with which a step draws each patient.
    steps : int
    """

    rate: float
    steps: int


Spent = tuple[tuple[Mechanism, int], ...]
"""Mechanisms, and how many times each was used."""


@dataclass(frozen=True)
class Account:
    """What a site does in a run, and the noise that keeps it within the budget.

    Attributes
    ----------
    mechanisms : Mapping
        By work: the name of a phase, or ``statistics``.
    planned : Mapping
        Times that each is asked for at most.
    multiplier : float
        Standard deviation of the noise, in sensitivities.
    epsilon, delta : float
        The budget.
    """

    mechanisms: Mapping[str, Mechanism]
    planned: Mapping[str, int]
    multiplier: float
    epsilon: float
    delta: float

    def spent(self, times: Mapping[str, int]) -> float:
        """Return the epsilon that was spent when each work was done so many times."""
        uses = _uses(self.mechanisms, times)
        return epsilon_of(uses, self.multiplier, self.delta) if uses else 0.0

    def allows(self, times: Mapping[str, int]) -> bool:
        """Return whether that is within the budget."""
        return self.spent(times) <= self.epsilon


def account_of(config: Config, card: SiteCard) -> Account | None:
    """Return the account of a training site; None where privacy is not asked for.

    Server and site come to the same one, each by itself: it follows from the configuration and
    the cases on the site's card.

    Raises
    ------
    ConfigError
        If no noise is enough.
    """
    if config.privacy.epsilon is None:
        return None
    mechanisms = {
        phase.name: training_mechanism(config, position, card.total)
        for position, phase in enumerate(config.method.phases)
    } | {STATISTICS: Mechanism(1.0, 1)}
    planned = planned_exchanges(config)
    epsilon, delta = config.privacy.epsilon, config.privacy.delta
    multiplier = multiplier_for(_uses(mechanisms, planned), epsilon, delta)
    return Account(mechanisms, planned, multiplier, epsilon, delta)


def training_mechanism(config: Config, phase: int, cases: int) -> Mechanism:
    """Return the steps of one round at a site with so many cases.

    As many steps a pass as there would be batches, and so the inverse as the rate. Heads in closed
    form take one step over all patients.
    """
    stage, training = config.method.phases[phase], config.training
    if stage.solve is not None:
        return Mechanism(1.0, 1)
    a_pass = max(1, round(cases / (training.batch_size * stage.batch)))
    return Mechanism(1.0 / a_pass, a_pass * training.local_epochs * stage.epochs)


def planned_exchanges(config: Config) -> dict[str, int]:
    """Return how many times a site is asked for each work in the whole run, at most."""
    rounds, phases = schedule(config), config.method.phases
    planned = Counter(phases[plan.phase].name for plan in rounds)
    planned[STATISTICS] = sum(plan.refreshes_bank for plan in rounds)
    planned[STATISTICS] += config.evaluation.onboarding is not None  # a bank at the end
    return dict(planned)


@lru_cache(maxsize=4096)
def epsilon_of(uses: Spent, multiplier: float, delta: float) -> float:
    """Return the epsilon of mechanisms used so many times, at `delta`."""
    accountant = _accountant()
    accountant.compose(_event(uses, multiplier))
    return float(accountant.get_epsilon(delta))


@lru_cache(maxsize=1024)
def multiplier_for(uses: Spent, epsilon: float, delta: float) -> float:
    """Return the least noise multiplier, to `TOLERANCE`, that keeps within a budget.

    Raises
    ------
    ConfigError
        If none does.
    """
    low, high = 0.0, 1.0
    while epsilon_of(uses, high, delta) > epsilon:
        low, high = high, 2 * high
        if high > MOST_NOISE:
            raise ConfigError(
                f"privacy.epsilon: no noise brings the run to {epsilon:g} at privacy.delta "
                f"{delta:g}; allow more of either"
            )
    while high - low > TOLERANCE * high:
        middle = (low + high) / 2
        if middle > 0 and epsilon_of(uses, middle, delta) <= epsilon:
            high = middle
        else:
            low = middle
    return high


def _uses(mechanisms: Mapping[str, Mechanism], times: Mapping[str, int]) -> Spent:
    """Add up the steps of equal rates, so that like sites share one solution."""
    steps: Counter[float] = Counter()
    for work, number in times.items():
        steps[mechanisms[work].rate] += mechanisms[work].steps * number
    return tuple((Mechanism(rate, 1), number) for rate, number in sorted(steps.items()) if number)


def _event(uses: Spent, multiplier: float) -> "DpEvent":
    import dp_accounting as dp  # over a second to import; only runs with a budget pay it

    return dp.ComposedDpEvent(
        [
            dp.SelfComposedDpEvent(
                dp.PoissonSampledDpEvent(mechanism.rate, dp.GaussianDpEvent(multiplier)),
                mechanism.steps * number,
            )
            for mechanism, number in uses
        ]
    )


def _accountant() -> Any:
    from dp_accounting import rdp

    return rdp.RdpAccountant(ORDERS)
