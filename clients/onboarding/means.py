"""Count-weighted mean alignment: move a hospital's features to where its mix of grades belongs."""

import numpy as np
from numpy.typing import NDArray

from fed.prototypes import Prototypes

Vector = NDArray[np.float64]

SHRINKAGE = 20.0
"""Cases by which the archive's mean is distrusted: the shift is multiplied by ``N / (N + 20)``."""


def mean_shift(
    archive: NDArray[np.floating],
    prototypes: Prototypes,
    class_shares: Vector,
    shrinkage: float = SHRINKAGE,
) -> Vector:
    """Return what to add to a hospital's features of one modality, ``(d,)``.

    Parameters
    ----------
    archive : ndarray
        ``(N, d)`` features of the archive; without a case the shift is 0.
    prototypes : Prototypes
        At least one of each class.
    class_shares : ndarray
        ``(K,)`` of the archive.

    Notes
    -----
    ``N / (N + 20) (sum_c pi_c m_c - mean of the archive)``, with ``m_c`` the mean of class ``c``
    over the federation. Weighing the classes by the hospital's own shares keeps a hospital with
    many ill patients from being moved to look healthy.
    """
    number = len(archive)
    if not number:
        return np.zeros(prototypes.means.shape[1])
    target = sum(
        share * prototypes.of_class(label).moments()[0].astype(np.float64)
        for label, share in enumerate(class_shares)
    )
    offset = target - archive.mean(axis=0, dtype=np.float64)
    return np.asarray(number / (number + shrinkage) * offset)
