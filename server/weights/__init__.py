"""What a site's update of a module weighs, one file a rule (`method.weight`)."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from fed.sites import SiteCard

Stratum = str
"""Updates are weighed within a stratum of sites, then the strata against each other."""
EVERYONE: Stratum = "everyone"


class Weight(ABC):
    """A rule that weighs updates."""

    @abstractmethod
    def of(self, card: SiteCard, module: str, cases: int) -> float:
        """Return the weight of a site's update of a module.

        Parameters
        ----------
        cases : int
            Behind the module in this round, as the site reports.
        """

    def stratum(self, card: SiteCard, module: str) -> Stratum:
        """Return the stratum that the site belongs to in this module."""
        return EVERYONE

    def shares(self, totals: Mapping[Stratum, float]) -> Mapping[Stratum, float]:
        """Return the share of each stratum, given the sum of its weights; shares add up to 1."""
        everything = sum(totals.values())
        return {stratum: total / everything for stratum, total in totals.items()}
