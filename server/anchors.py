"""Anchors: how each modality is predicted from the other, of the cross-covariances of linked pairs."""

import numpy as np
from numpy.typing import NDArray

from fed.pair_sums import PairSums
from fed.protocol import Bank
from fed.prototypes import Floats, Prototypes
from fed.sites import MODALITIES, Modality
from fed.states import State
from server.bank import moments_of

Array = NDArray[np.float64]


def anchors(bank: Bank, pairs: PairSums | None) -> State:
    """Return for each modality the weights ``(K, d', d)`` and offsets ``(K, d)`` that predict it.

    Of standardised features of a class, ``y ~ m_y + (x - m_x) (S_x + r I)^-1 C``: ``C`` is the
    cross-covariance of the linked pairs, all else is of the bank. The ridge ``r`` is the mean
    variance of a feature, times features over pairs: what is right where a feature of ``y`` owes half
    its variance to ``x``. No entry of ``C`` is larger than the variances allow (Cauchy and Schwarz),
    whatever a site has sent.

    Parameters
    ----------
    pairs : PairSums or None
        Of all sites. A class without pairs is predicted by its mean alone.

    Returns
    -------
    State
        As `TrainTask.anchors`; empty without pairs, or without a half of the bank.
    """
    if pairs is None or len(bank) < len(MODALITIES):
        return {}
    classes, dx, dy = pairs.scatter.shape
    widths: dict[Modality, int] = {"fundus": dx, "oct": dy}
    scales = {modality: moments_of(bank[modality]) for modality in MODALITIES}
    found: dict[str, NDArray[np.float32]] = {}
    for target, source in (MODALITIES, MODALITIES[::-1]):
        found[f"{target}.weight"] = np.zeros((classes, widths[source], widths[target]), np.float32)
        found[f"{target}.offset"] = np.zeros((classes, widths[target]), np.float32)
    for label in range(classes):
        halves = {m: bank[m].of_class(label) for m in MODALITIES}
        if not all(len(half) for half in halves.values()):
            continue
        (mx, sx), (my, sy) = (_within(halves[m], *scales[m]) for m in MODALITIES)
        count = max(float(pairs.counts[label]), 1.0)
        across = pairs.scatter[label] / count
        across = across / np.outer(scales["fundus"][1], scales["oct"][1])
        most = np.sqrt(np.outer(sx.diagonal(), sy.diagonal()))
        across = np.clip(across, -most, most)
        for target, known, mean, of, onto in (
            ("oct", sx, mx, across, my),
            ("fundus", sy, my, across.T, mx),
        ):
            weight = _regression(known, of, count)
            found[f"{target}.weight"][label] = weight
            found[f"{target}.offset"][label] = onto - mean @ weight
    return found


def _within(prototypes: Prototypes, mean: Floats, std: Floats) -> tuple[Array, Array]:
    """Return mean ``(d,)`` and covariance ``(d, d)`` of the standardised features of a class.

    As the prototypes tell them: between their centres, and around each in its own coordinates.
    """
    shares = prototypes.counts.astype(np.float64) / prototypes.counts.sum()
    centres = (prototypes.means - mean) / std
    middle = shares @ centres
    deviations = centres - middle
    between = (deviations * shares[:, None]).T @ deviations
    return middle, between + np.diag(shares @ (prototypes.variances / std**2))


def _regression(covariance: Array, across: Array, pairs: float) -> Array:
    """Return the weights ``(d', d)`` of a ridge regression; zeros where nothing varies."""
    ridge = len(covariance) / pairs * covariance.diagonal().mean()
    if ridge == 0:
        return np.zeros_like(across)
    return np.asarray(np.linalg.solve(covariance + ridge * np.eye(len(covariance)), across))
