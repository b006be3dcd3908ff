"""Count-constrained transport: assign an archive to the grades in their known proportions."""

import numpy as np
from numpy.typing import NDArray

from clients.onboarding.bayes import weigh

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

SWEEPS = 60
UNCERTAIN = 3.0
"""Penalty ``rho`` where the archive is small or its counts are uncertain."""


def class_potentials(
    evidence: Matrix, class_shares: Vector, penalty: float | None = None
) -> Vector:
    """Return the potentials ``g`` ``(K,)`` of the classes in the transport of an archive to them.

    Parameters
    ----------
    evidence : ndarray
        ``(N, K)`` log likelihoods of the archive, the negative cost of assigning a case to a class.
    class_shares : ndarray
        ``(K,)`` marginal of the classes; each case weighs ``1/N``.
    penalty : float, optional
        ``rho``: weight of the Kullback-Leibler divergence of the assigned class shares from
        `class_shares`; None: they are met exactly.

    Returns
    -------
    ndarray
        Added to `evidence`, before `weigh`, they give the rows of the plan; added to that of any
        other case, its posterior (the plan's extension out of sample). All 0 without an archive.

    Notes
    -----
    Entropic transport with ``eps = 1`` relative to the product of the marginals, so that
    ``T_ic = pi_c exp(evidence_ic + f_i + g_c) / N``: with ``g = 0``, as ``rho`` goes to 0, it is the
    Bayes correction. Sinkhorn's sweeps; unbalanced: Chizat, Peyre, Schmitzer and Vialard 2018.
    """
    potentials = np.zeros(len(class_shares))
    if not len(evidence):
        return potentials
    damping = 1.0 if penalty is None else penalty / (penalty + 1.0)
    for _ in range(SWEEPS):
        assigned = np.logaddexp.reduce(weigh(evidence + potentials, class_shares), axis=0)
        excess = assigned - np.log(len(evidence)) - np.log(class_shares)
        potentials = damping * (potentials - excess)
    return potentials
