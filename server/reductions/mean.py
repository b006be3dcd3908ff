"""The weighted mean (federated averaging; McMahan et al., AISTATS 2017)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fed.states import State
from server.reductions import Fold, Reduction, Sums
from server.weights import Stratum, Weight


@dataclass(frozen=True)
class Mean(Reduction):
    """The weighted mean of the sites' values; one bad site can take it anywhere."""

    streams = True

    def fold(self, current: State) -> Fold:
        """Return sums in float64, one a stratum, whatever the number of sites."""
        return _Sums()


@dataclass
class _Sums:
    sums: dict[Stratum, Sums] = field(default_factory=dict)
    weights: dict[Stratum, float] = field(default_factory=dict)

    def add(self, update: State, weight: float, stratum: Stratum) -> None:
        """Add the weighted values to the sums of the stratum."""
        self.weights[stratum] = self.weights.get(stratum, 0.0) + weight
        sums = self.sums.setdefault(stratum, {})
        for key, value in update.items():
            weighted = value.astype("float64") * weight
            if key in sums:
                sums[key] += weighted
            else:
                sums[key] = weighted

    def result(self, rule: Weight) -> tuple[Sums, Mapping[str, Any]]:
        """Return the mean within each stratum, weighed by the strata's shares."""
        if len(self.sums) == 1:
            ((stratum, sums),) = self.sums.items()
            return {key: value / self.weights[stratum] for key, value in sums.items()}, {}
        shares = rule.shares(self.weights)
        return {
            key: sum(  # type: ignore[misc]
                shares[stratum] * (sums[key] / self.weights[stratum])
                for stratum, sums in self.sums.items()
            )
            for key in dict.fromkeys(key for sums in self.sums.values() for key in sums)
        }, {}
