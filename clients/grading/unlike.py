"""Where an eye is unlike the training eyes: a warning beside its grade."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from clients.distances import distances_of
from fed.protocol import Bank
from fed.sites import MODALITIES, Condition, Modality
from model.rima import Features

RARE = 0.99
"""An eye is called unlike the training eyes if it lies farther from them than this share of the
held-out eyes of its run, which were pictured with devices that nobody had trained on."""


class Unlike:
    """Columns that compare the distance of an eye with those of the held-out eyes of the run.

    Parameters
    ----------
    bank : Bank
    reference : Mapping
        By modality, the distances of the held-out eyes as equally spaced quantiles, the smallest
        and the largest among them (``distances`` of ``model.json``).
    """

    def __init__(self, bank: Bank, reference: Mapping[Modality, Sequence[float]]) -> None:
        self._bank = {m: bank[m] for m in MODALITIES if m in bank and m in reference}
        self._reference = {m: np.array(reference[m]) for m in self._bank}
        self.heads = (*(f"{m}_farther_than" for m in self._bank), "unlike")

    def cells(
        self, features: Features, conditions: Sequence[Condition], answers: NDArray[np.float64]
    ) -> list[list[str | float]]:
        """Return for each eye and modality the share of held-out eyes that are nearer.

        Then the modalities of which this is more than `RARE`.
        """
        shares = self._shares(features)
        rows: list[list[str | float]] = []
        for row in range(len(features)):
            found = {m: float(of[row]) for m, of in shares.items() if not np.isnan(of[row])}
            unlike = "+".join(m for m, value in found.items() if value > RARE)
            rows.append([*(found.get(m, "") for m in self._bank), unlike])
        return rows

    def _shares(self, features: Features) -> dict[Modality, NDArray[np.float64]]:
        """Return the shares ``(n,)``, NaN where an eye lacks the modality."""
        present = {"fundus": features.has_fundus.numpy(), "oct": features.has_oct.numpy()}
        found = distances_of(features, self._bank)
        shares: dict[Modality, NDArray[np.float64]] = {}
        for modality, quantiles in self._reference.items():
            shares[modality] = np.full(len(features), np.nan)
            if modality in found:
                levels = np.linspace(0, 1, len(quantiles))
                nearer = np.interp(found[modality], quantiles, levels)
                shares[modality][present[modality]] = nearer
        return shares
