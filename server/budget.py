"""What each site's patients have spent of their privacy, and the end of it."""

from collections.abc import Iterable, Mapping

from fed.config import Config
from fed.errors import RunError
from fed.privacy import Account, account_of
from fed.results import SitePrivacy
from fed.sites import SiteCard
from server.ledger import Ledger

SLACK = 1e-9
"""Of the comparison with the budget: the same sum may be rounded in two ways."""


class Budget:
    """Counts what sites are asked for; without ``privacy.epsilon`` it allows everything.

    Parameters
    ----------
    config : Config
    ledger : Ledger
        Keeps the counts, through every interruption.
    """

    def __init__(self, config: Config, ledger: Ledger) -> None:
        self._config, self._ledger = config, ledger

    def require(self, number: int, work: str, sites: Iterable[SiteCard]) -> None:
        """Refuse to ask sites for what would take one of them past its budget.

        Parameters
        ----------
        number : int
            Of the round.
        work : str
            The name of a phase, or ``statistics``.

        Raises
        ------
        RunError
            Naming the first site.
        """
        for site in sites:
            account = account_of(self._config, site)
            if account is None:
                return
            after = account.spent(_plus(self._times(site.name), work))
            if after > account.epsilon * (1 + SLACK):
                raise RunError(
                    f"round {number}: {work} would take the patients of {site.name} to epsilon "
                    f"{after:.3g}; privacy.epsilon allows {account.epsilon:g}, and "
                    f"{account.spent(self._times(site.name)):.3g} is spent"
                )

    def count(self, work: str, sites: Iterable[str]) -> None:
        """Count a work for all sites that were asked, whether or not they answered."""
        if self._config.privacy.epsilon is None:
            return
        for name in sites:
            self._ledger.asked[name] = _plus(self._times(name), work)

    def spent(self, sites: Iterable[SiteCard]) -> dict[str, SitePrivacy]:
        """Return what each training site has spent so far; nothing without a budget."""
        found = {}
        for site in sites:
            account: Account | None = account_of(self._config, site)
            if account is not None and site.role == "train":
                found[site.name] = SitePrivacy(
                    epsilon=account.spent(self._times(site.name)),
                    noise_multiplier=account.multiplier,
                )
        return found

    def _times(self, site: str) -> Mapping[str, int]:
        return self._ledger.asked.get(site, {})


def _plus(times: Mapping[str, int], work: str) -> dict[str, int]:
    return {**times, work: times.get(work, 0) + 1}
