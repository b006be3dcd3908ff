"""Weights by the cases behind a module (McMahan et al., AISTATS 2017)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from fed.sites import MODALITIES, SiteCard
from model.parts import joins_modalities
from server.weights import EVERYONE, Stratum, Weight

BOTH: Stratum = "both"


@dataclass(frozen=True)
class ByCases(Weight):
    """The cases behind the module at the site.

    Attributes
    ----------
    both_share : float
        Least share of the weight that sites with both modalities have in predictors and fusion.
    cap : float
        Most that one site may have of a module's weight, so that nobody's cases, or what they
        claim to be, decide alone; 1: no limit. Below it `method.reduce` must hold all updates.
    """

    both_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    cap: Annotated[float, Field(gt=0, le=1)] = 1.0

    def of(self, card: SiteCard, module: str, cases: int) -> float:
        """Return the number of cases."""
        return float(cases)

    def stratum(self, card: SiteCard, module: str) -> Stratum:
        """Set sites with both modalities apart where they have a share of their own."""
        owns_both = len(card.modalities) == len(MODALITIES)
        apart = self.both_share > 0 and owns_both and joins_modalities(module)
        return BOTH if apart else EVERYONE

    def shares(self, totals: Mapping[Stratum, float]) -> Mapping[Stratum, float]:
        """Give sites with both modalities at least their share."""
        if len(totals) < 2:
            return super().shares(totals)
        both = max(self.both_share, totals[BOTH] / (totals[BOTH] + totals[EVERYONE]))
        return {BOTH: both, EVERYONE: 1 - both}
