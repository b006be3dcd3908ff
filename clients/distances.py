"""How far eyes lie from those that the federation trained on."""

import numpy as np
from numpy.typing import NDArray

from clients.onboarding.bank import deviations
from fed.protocol import Bank
from fed.prototypes import Prototypes
from fed.sites import MODALITIES, Modality
from model.rima import Features

Vector = NDArray[np.float64]


def distances(features: NDArray[np.floating], prototypes: Prototypes) -> Vector:
    """Return the distance ``(n,)`` of features ``(n, d)`` of one modality to their prototype.

    Notes
    -----
    ``min_k sqrt(1/d sum_j ((x_j - m_kj) / s_j)^2)``: to the nearest prototype ``m_k`` of whatever
    class, in units of the standard deviation ``s`` of features within prototypes. So the eyes
    behind the prototypes have a distance of 1 in the mean of squares.
    """
    scale = deviations(prototypes)
    nearest = np.full(len(features), np.inf)
    for mean in prototypes.means:
        offset = (features - mean) / scale
        nearest = np.minimum(nearest, np.sqrt((offset**2).mean(axis=1)))
    return nearest


def distances_of(features: Features, bank: Bank) -> dict[Modality, Vector]:
    """Return the distances of the eyes that have a modality, of each that the bank knows."""
    found: dict[Modality, Vector] = {}
    present = {
        "fundus": (features.fundus, features.has_fundus),
        "oct": (features.oct, features.has_oct),
    }
    for modality in MODALITIES:
        values, has = present[modality]
        if modality in bank and bool(has.any()):
            own = np.asarray(values[has].cpu().numpy(), dtype=np.float64)
            found[modality] = distances(own, bank[modality])
    return found
