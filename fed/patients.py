"""Setting whole patients apart."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def whole_patients(
    patients: Sequence[str], size: int, random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split cases by patient into at most `size` that are set apart, and the others.

    Patients come in random order; each is set apart if all their cases still fit.

    Parameters
    ----------
    patients : sequence (n,)
        Whose case it is.

    Returns
    -------
    apart, others : ndarray
        Positions, ascending.
    """
    by_patient: dict[str, list[int]] = {}
    for position, patient in enumerate(patients):
        by_patient.setdefault(patient, []).append(position)
    names = sorted(by_patient)
    apart: list[int] = []
    for i in random.permutation(len(names)):
        own = by_patient[names[i]]
        if len(apart) + len(own) <= size:
            apart += own
    chosen = np.array(sorted(apart), dtype=np.int64)
    return chosen, np.setdiff1d(np.arange(len(patients)), chosen)
