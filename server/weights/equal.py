"""Every site weighs the same."""

from dataclasses import dataclass

from fed.sites import SiteCard
from server.weights import Weight


@dataclass(frozen=True)
class Equal(Weight):
    """One, whatever the number of cases."""

    def of(self, card: SiteCard, module: str, cases: int) -> float:
        """Return 1 for a site with any case behind the module."""
        return float(cases > 0)
