"""What a site's update of a module weighs, one file a rule (`method.weight`)."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fed.sites import SiteCard

Stratum = str
"""Updates are weighed within a stratum of sites, then the strata against each other."""
EVERYONE: Stratum = "everyone"


class Weight(ABC):
    """A rule that weighs updates.

    Attributes
    ----------
    cap : float
        Most that one site may have of a module's weight. Below 1 it needs a reduction that holds
        all updates of a round.
    """

    cap: float = 1.0

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


def capped(shares: NDArray[np.float64], cap: float) -> NDArray[np.float64]:
    """Return shares ``(n,)`` of which none is above a cap, the rest raised in proportion.

    With fewer than ``1 / cap`` sites every share is the same, which is as even as it gets.
    """
    limit = max(cap, 1 / len(shares))
    at_limit = np.zeros(len(shares), dtype=bool)
    found = shares
    while (found > limit * (1 + 1e-12)).any():
        at_limit |= found > limit
        rest = np.where(at_limit, 0.0, shares)
        left = 1 - limit * at_limit.sum()
        raised = rest * (left / rest.sum()) if rest.sum() > 0 else rest
        found = np.where(at_limit, limit, raised)
    return found
