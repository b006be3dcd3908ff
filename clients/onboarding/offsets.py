"""Class offsets fitted to known counts: the archive falls into the grades in their known shares."""

import numpy as np
from numpy.typing import NDArray

from clients.onboarding.bayes import weigh

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

SWEEPS = 60


def class_offsets(evidence: Matrix, class_shares: Vector) -> Vector:
    """Return what to add to the evidence for each class ``(K,)``.

    Parameters
    ----------
    evidence : ndarray
        ``(N, K)`` log likelihoods of the archive.
    class_shares : ndarray
        ``(K,)`` that the posteriors of the archive are to add up to.

    Returns
    -------
    ndarray
        Added to `evidence`, before `weigh`; of the archive or of any other case. All 0 without an
        archive.

    Notes
    -----
    One number a class is fitted, whatever the cases. The sweeps are Sinkhorn's: the posteriors are
    the entropic transport plan of the archive to the classes with cost ``-evidence`` and
    ``eps = 1``, and the offsets its class potentials.
    """
    offsets = np.zeros(len(class_shares))
    if not len(evidence):
        return offsets
    for _ in range(SWEEPS):
        assigned = np.logaddexp.reduce(weigh(evidence + offsets, class_shares), axis=0)
        offsets = offsets - (assigned - np.log(len(evidence)) - np.log(class_shares))
    return offsets
