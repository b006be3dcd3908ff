"""The procedures of onboarding: compositions of parts, each the other's control."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from clients.onboarding.bayes import normalised, weigh
from clients.onboarding.hospital import Hospital
from clients.onboarding.transport import UNCERTAIN, class_potentials

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

Procedure = Callable[[Hospital, Vector], Matrix]
"""Log posteriors ``(n, K)`` of the cases to judge, from the hospital and its class shares."""


def bank(hospital: Hospital) -> Matrix:
    """Average the model's posterior with the bank's; needs no class shares."""
    return hospital.averaged(hospital.answers(hospital.judged), hospital.judged)


def bayes(hospital: Hospital, class_shares: Vector) -> Matrix:
    """Correct the model's posterior for the class shares."""
    return weigh(hospital.model_evidence(hospital.judged), class_shares)


def bank_bayes(hospital: Hospital, class_shares: Vector) -> Matrix:
    """Average with the bank, then correct."""
    return weigh(hospital.evidence(hospital.judged), class_shares)


def mean_alignment(hospital: Hospital, class_shares: Vector) -> Matrix:
    """Align means, average with the bank, correct: no transport."""
    return bank_bayes(hospital.aligned(class_shares), class_shares)


def transport(hospital: Hospital, class_shares: Vector, penalty: float | None = None) -> Matrix:
    """Average with the bank, transport the archive to the class shares, extend to other cases."""
    potentials = class_potentials(hospital.evidence(hospital.archive), class_shares, penalty)
    return weigh(hospital.evidence(hospital.judged) + potentials, class_shares)


def transport_unbalanced(hospital: Hospital, class_shares: Vector) -> Matrix:
    """Transport with a penalty on missing the class shares instead of meeting them exactly."""
    return transport(hospital, class_shares, UNCERTAIN)


WITH_SHARES: Mapping[str, Procedure] = {
    procedure.__name__: procedure
    for procedure in (bayes, bank_bayes, mean_alignment, transport, transport_unbalanced)
}


def adapt(hospital: Hospital) -> dict[str, Matrix]:
    """Return class probabilities ``(n, K)`` of the cases to judge by procedure, ``bank`` first.

    Without any class shares, ``bank`` is the only one.
    """
    found = {"bank": bank(hospital)}
    if hospital.shares is not None:
        for name, procedure in WITH_SHARES.items():
            found[name] = procedure(hospital, hospital.shares)
    return {name: np.exp(normalised(p)) for name, p in found.items()}
