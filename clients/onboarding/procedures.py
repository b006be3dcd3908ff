"""The procedures of onboarding: three choices, all combinations of which are each other's controls."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from clients.onboarding.bayes import normalised, weigh
from clients.onboarding.hospital import Hospital
from clients.onboarding.offsets import class_offsets

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Procedure:
    """How the cases to judge are graded where the class shares are known.

    Attributes
    ----------
    bank : bool
        Whether the model's posterior is averaged with the bank's.
    aligned : bool
        Whether the features are first moved to the means of the bank.
    offsets : bool
        Whether each class has an offset, so that the archive falls into the classes in their known
        shares.
    """

    bank: bool
    aligned: bool
    offsets: bool

    @property
    def name(self) -> str:
        """What tables call it."""
        ends = "offsets" if self.offsets else "bayes"
        return "bank_" * self.bank + "aligned_" * self.aligned + ends

    def __call__(self, hospital: Hospital, class_shares: Vector) -> Matrix:
        """Return log posteriors ``(n, K)`` of the cases to judge."""
        seen = hospital.aligned(class_shares) if self.aligned else hospital
        evidence = seen.evidence if self.bank else seen.model_evidence
        judged = evidence(seen.judged)
        if self.offsets:
            judged = judged + class_offsets(evidence(seen.archive), class_shares)
        return weigh(judged, class_shares)


WITH_SHARES: Mapping[str, Procedure] = {
    procedure.name: procedure
    for procedure in (
        Procedure(bank, aligned, offsets)
        for bank, aligned, offsets in product((False, True), repeat=3)
    )
}
DEFAULT = Procedure(bank=False, aligned=False, offsets=True)
"""What a hospital adapts with unless it is studied (docs/onboarding.md)."""


def bank(hospital: Hospital) -> Matrix:
    """Average the model's posterior with the bank's; needs no class shares."""
    return hospital.averaged(hospital.answers(hospital.judged), hospital.judged)


def adapt(hospital: Hospital) -> dict[str, Matrix]:
    """Return class probabilities ``(n, K)`` of the cases to judge by procedure, ``bank`` first.

    Without any class shares, ``bank`` is the only one.
    """
    found = {"bank": bank(hospital)}
    if hospital.shares is not None:
        for name, procedure in WITH_SHARES.items():
            found[name] = procedure(hospital, hospital.shares)
    return {name: np.exp(normalised(p)) for name, p in found.items()}
