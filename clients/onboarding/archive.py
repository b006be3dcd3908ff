"""The archive of a hospital: which cases are in it, and what is known of their grades."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fed.config.onboarding import Onboarding
from fed.data.cases import Case
from fed.patients import whole_patients

Vector = NDArray[np.float64]

PSEUDO_COUNT = 0.5
"""Added to each class, as Jeffreys' prior does: a grade absent from 20 cases is rare, not ruled
out among the next."""


@dataclass(frozen=True)
class Knowledge:
    """What a hospital knows of the grades in its archive.

    Attributes
    ----------
    counts : ndarray, optional
        ``(K,)`` cases of each class, or what the hospital takes them for.
    estimated : bool
        Whether shares are to be estimated from the model's answers instead.
    """

    counts: Vector | None = None
    estimated: bool = False


def set_archive_apart(
    cases: Sequence[Case], size: int, random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split cases by patient into an archive and the cases to be judged on; see `whole_patients`.

    Returns
    -------
    archive, judged : ndarray
        Positions, ascending; the archive has at most `size`.
    """
    return whole_patients([case.patient_id for case in cases], size, random)


def knowledge(
    onboarding: Onboarding,
    labels: NDArray[np.integer[Any]],
    classes: int,
    random: np.random.Generator,
) -> Knowledge:
    """Form what the hospital knows; nothing else reads the labels of an archive.

    Parameters
    ----------
    labels : ndarray
        ``(N,)`` of the archive; not looked at unless counts are ``known`` or ``noisy``.
    random : numpy.random.Generator
        Draws the noise.
    """
    if onboarding.counts in ("none", "estimated"):
        return Knowledge(estimated=onboarding.counts == "estimated")
    counts = np.bincount(labels, minlength=classes).astype(np.float64)
    if onboarding.counts == "noisy":
        counts *= np.exp(onboarding.noise * random.standard_normal(classes))
    return Knowledge(counts)


def shares(counts: Vector) -> Vector:
    """Return the share of each class ``(K,)`` to expect of cases like those counted."""
    return (counts + PSEUDO_COUNT) / (counts.sum() + PSEUDO_COUNT * len(counts))
