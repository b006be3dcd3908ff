"""What an attacker could tell of a training eye, with known answers on made-up numbers.

Membership by a threshold on the loss: Yeom et al., CSF 2018. Its AUC is 0.5 for a model that treats
the eyes it trained on like any other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from fed.metrics import bootstrap, evaluate
from fed.results import Estimate

Floats = NDArray[np.float64]
TAILS = (2.5, 97.5)
METRIC = ("auc",)


@dataclass(frozen=True)
class Pool:
    """Eyes of one kind: trained on, or not.

    Attributes
    ----------
    values : ndarray
        ``(n,)`` scores, or ``(n, d)`` features.
    labels : ndarray
        ``(n,)`` classes.
    patients : sequence of str
        Whose eyes they are; a name counts in all sites.
    """

    values: Floats
    labels: NDArray[np.int64]
    patients: Sequence[str]

    def of_class(self, label: int) -> "Pool":
        """Return the eyes of one class."""
        rows = np.flatnonzero(self.labels == label)
        return Pool(self.values[rows], self.labels[rows], [self.patients[int(row)] for row in rows])


def membership(
    trained: Pool, unseen: Pool, replicates: int, random: np.random.Generator
) -> Estimate:
    """Return the AUC of telling eyes that were trained on by a score that is larger for these.

    Parameters
    ----------
    trained, unseen : Pool
        With scores as values.

    Returns
    -------
    Estimate
        With a 95 % interval over patients; undefined where one of the pools is empty.
    """
    scores = np.concatenate([trained.values, unseen.values])
    members = np.repeat([1, 0], [len(trained.values), len(unseen.values)]).astype(np.int64)
    if not len(trained.values) or not len(unseen.values):
        return Estimate(value=None, low=None, high=None)
    share = rankdata(scores) / (len(scores) + 1)
    table = np.stack([1 - share, share], axis=1)
    patients = [*trained.patients, *unseen.patients]
    (value,) = evaluate(members, table, METRIC).values()
    together = [""] * len(patients)  # a patient counts in all sites, and no other sites are meant
    ((low, high),) = bootstrap(
        members, table, patients, together, METRIC, replicates, random
    ).values()
    return Estimate(value=value, low=low, high=high)


@dataclass(frozen=True)
class Inversion:
    """How near the prototypes of a bank are to single eyes.

    Attributes
    ----------
    nearest_is_trained : Estimate
        Share of prototypes whose nearest eye is one that was trained on, among as many patients of
        each kind; 0.5 where prototypes tell nothing of single eyes.
    distance_trained, distance_unseen : Estimate
        Median distance of a prototype to the nearest eye of each kind. The unit is the median
        distance of a trained eye to the nearest one of another patient and the same class; a copy
        of an eye has 0.
    """

    nearest_is_trained: Estimate
    distance_trained: Estimate
    distance_unseen: Estimate


def inversion(
    prototypes: Floats,
    labels: NDArray[np.int64],
    trained: Pool,
    unseen: Pool,
    replicates: int,
    random: np.random.Generator,
) -> Inversion | None:
    """Compare the distances of prototypes to trained and unseen eyes of their class.

    Parameters
    ----------
    prototypes, labels : ndarray
        ``(p, d)`` and ``(p,)``.
    trained, unseen : Pool
        With features ``(n, d)`` as values.

    Returns
    -------
    Inversion or None
        Means and 95 % intervals over draws of patients and prototypes, with replacement; None where
        no class has two patients of each kind.
    """
    classes = [
        (prototypes[labels == label], trained.of_class(int(label)), unseen.of_class(int(label)))
        for label in np.unique(labels)
    ]
    usable = [
        (points, _Patients(seen), _Patients(other))
        for points, seen, other in classes
        if min(len(set(seen.patients)), len(set(other.patients))) > 1
    ]
    if not usable:
        return None
    unit = np.median(np.concatenate([seen.to_others() for _, seen, _ in usable])) or 1.0
    found = np.array([_draw(usable, random) for _ in range(max(replicates, 1))])
    found[:, 1:] /= unit
    low, high = np.percentile(found, TAILS, axis=0)
    return Inversion(
        *(
            Estimate(value=float(mean), low=float(at_least), high=float(at_most))
            for mean, at_least, at_most in zip(found.mean(axis=0), low, high, strict=True)
        )
    )


class _Patients:
    """The eyes of one class by patient."""

    def __init__(self, pool: Pool) -> None:
        self.values = pool.values
        names, self.owner = np.unique(np.asarray(pool.patients), return_inverse=True)
        self.number = len(names)

    def nearest(self, points: Floats, kept: NDArray[np.int64]) -> Floats:
        """Return the distance of each point to the nearest eye of the patients kept."""
        rows = np.isin(self.owner, kept)
        return _distances(points, self.values[rows]).min(axis=1)

    def to_others(self) -> Floats:
        """Return the distance of each eye to the nearest one of another patient."""
        distances = _distances(self.values, self.values)
        distances[self.owner[:, None] == self.owner[None, :]] = np.inf
        return np.asarray(distances.min(axis=1))


def _draw(
    classes: Sequence[tuple[Floats, _Patients, _Patients]], random: np.random.Generator
) -> tuple[float, float, float]:
    """Draw prototypes, and as many patients of both kinds, in each class.

    Returns share and both distances.
    """
    to_trained, to_unseen = [], []
    for points, trained, unseen in classes:
        number = min(trained.number, unseen.number)
        points = points[random.integers(len(points), size=len(points))]
        to_trained.append(trained.nearest(points, random.integers(trained.number, size=number)))
        to_unseen.append(unseen.nearest(points, random.integers(unseen.number, size=number)))
    seen, other = np.concatenate(to_trained), np.concatenate(to_unseen)
    share = np.mean((seen < other) + 0.5 * (seen == other))
    return float(share), float(np.median(seen)), float(np.median(other))


def _distances(x: Floats, y: Floats) -> Floats:
    """Return Euclidean distances ``(n, m)``."""
    squares = (x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1)[None, :] - 2 * x @ y.T
    return np.sqrt(np.maximum(squares, 0.0))
