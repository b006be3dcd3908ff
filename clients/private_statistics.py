"""Class statistics that no single patient can move far: sums of bounded features, noised.

One Gaussian mechanism for all classes and modalities of a site. A patient's features of a modality
share a weight of 1 among them, and none is longer than the square root of its width, a bound that
looks at no data. So a patient moves each of counts, feature sums and sum of squared lengths by 1 at
most, in units of that bound, and all together by the square root of 3 a modality. Of linked pairs, if
they are asked for, a patient moves counts and sums of outer products by 1 at most, too.
"""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from clients.noise import noise_of, parameters_digest
from clients.site import LocalSite
from fed.pair_sums import PairSums
from fed.protocol import Bank, Statistics
from fed.prototypes import Prototypes
from fed.sites import MODALITIES, Modality
from fed.states import State
from model.rima import Features

Floats = NDArray[np.float64]

LEAST_VARIANCE = 0.01
"""Of a feature around its class, where noise leaves less: bounded features vary by about 1."""


def private_statistics(
    site: LocalSite, features: Features, multiplier: float, parameters: State
) -> Statistics:
    """Return one cluster a class and modality, of noised sums over patients.

    Parameters
    ----------
    features : Features
        Of the site's training cases.
    multiplier : float
        Standard deviation of the noise, in units of what one patient can move.
    parameters : State
        Of the encoders; they stand for the round in the scope of a simulation's noise.

    Returns
    -------
    Statistics
        Variances are the same in every coordinate and class: there is too little signal for more.
        A class with fewer than ``privacy.min_patients`` patients, after noise, sends nothing.
    """
    owned = site.card.modalities
    across = site.config.method.asks_for_pairs and len(owned) == len(MODALITIES)
    noise = noise_of(site, parameters_digest(parameters), "statistics noise")
    deviation = multiplier * sensitivity(len(owned), across)
    least = site.config.privacy.min_patients
    found: dict[Modality, Prototypes] = {}
    for modality, values, present in features.by_modality():
        if modality not in owned:
            continue
        rows, labels, patients = cases_with(site, present)
        sums = patient_sums(
            values.cpu().numpy()[rows].astype(np.float64),
            labels,
            patients,
            len(site.config.task.classes),
        )
        noised = sums + deviation * noise.normal(sums.shape)
        clusters = clusters_of(
            noised,
            len(site.config.task.classes),
            deviation,
            least,
            np.add(site.card.cases["both"], site.card.cases[modality]),
        )
        if len(clusters):
            found[modality] = clusters
    if not across:
        return Statistics(found)
    rows, labels, patients = cases_with(site, features.has_fundus & features.has_oct)
    linked = linked_sums(
        features.fundus.cpu().numpy()[rows].astype(np.float64),
        features.oct.cpu().numpy()[rows].astype(np.float64),
        labels,
        patients,
        len(site.config.task.classes),
    )
    noised = linked + deviation * noise.normal(linked.shape)
    return Statistics(found, pairs_of(noised, found, least, np.asarray(site.card.cases["both"])))


def sensitivity(modalities: int, across: bool = False) -> float:
    """Return by how much one patient moves all sums of a site at most, in the Euclidean norm.

    Parameters
    ----------
    across : bool
        Whether sums over linked pairs are among them.
    """
    return float(np.sqrt(3.0 * modalities + 2.0 * across))


def patient_sums(
    values: Floats, labels: NDArray[np.int64], patients: list[str], classes: int
) -> Floats:
    """Return counts, feature sums and sum of squared lengths of one modality, in one vector.

    Parameters
    ----------
    values : ndarray
        ``(n, d)``.

    Returns
    -------
    ndarray
        ``(K + K d + 1,)``: counts by class, sums by class, the sum of squared lengths of all.
    """
    width = values.shape[1]
    within, weights = bounded(values), patient_weights(patients)
    counts = np.bincount(labels, weights, minlength=classes)
    sums = np.zeros((classes, width))
    np.add.at(sums, labels, weights[:, None] * within)
    squares = float((weights * (within**2).sum(axis=1)).sum())
    return np.concatenate([counts, sums.ravel(), [squares]])


def linked_sums(
    x: Floats, y: Floats, labels: NDArray[np.int64], patients: list[str], classes: int
) -> Floats:
    """Return counts and sums of outer products of linked pairs, in one vector.

    Parameters
    ----------
    x, y : ndarray
        ``(n, dx)`` and ``(n, dy)``, of the same eyes.

    Returns
    -------
    ndarray
        ``(K + K dx dy,)``: counts by class, sums of outer products by class.
    """
    weights = patient_weights(patients)
    counts = np.bincount(labels, weights, minlength=classes)
    sums = np.zeros((classes, x.shape[1], y.shape[1]))
    bounded_x, bounded_y = weights[:, None] * bounded(x), bounded(y)
    for label in np.unique(labels):
        sums[label] = bounded_x[labels == label].T @ bounded_y[labels == label]
    return np.concatenate([counts, sums.ravel()])


def pairs_of(sums: Floats, found: Bank, least: int, most: NDArray[np.int64]) -> PairSums | None:
    """Read noised sums over linked pairs about the noised means; looks at no data again.

    Parameters
    ----------
    sums : ndarray
        As `linked_sums` gives them, noised.
    found : Bank
        What `clusters_of` read of each modality.
    least, most
        As for `clusters_of`.

    Returns
    -------
    PairSums or None
        None where no class is in both halves of `found` with enough pairs.
    """
    if len(found) < len(MODALITIES):
        return None
    classes = len(most)
    widths = [found[modality].means.shape[1] for modality in MODALITIES]
    counts = np.minimum(sums[:classes], most)
    scatter = sums[classes:].reshape(classes, *widths) * np.sqrt(np.prod(widths))
    known = [
        label
        for label in range(classes)
        if counts[label] >= least and all(label in found[m].labels for m in MODALITIES)
    ]
    for label in known:
        fundus, oct_ = (found[m].of_class(label).means[0].astype(np.float64) for m in MODALITIES)
        scatter[label] -= counts[label] * np.outer(fundus, oct_)
    told = np.isin(np.arange(classes), known)
    if not told.any():
        return None
    return PairSums(
        np.where(told, counts, 0.0).astype(np.float32),
        np.where(told[:, None, None], scatter, 0.0).astype(np.float32),
    )


def bounded(values: Floats) -> Floats:
    """Return features ``(n, d)`` over the root of their width, none of them longer than 1."""
    found = np.nan_to_num(values / np.sqrt(values.shape[1]), nan=0.0, posinf=0.0, neginf=0.0)
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1.0)


def cases_with(
    site: LocalSite, present: Tensor
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[str]]:
    """Return rows, labels and patients of the training cases that have what is asked for.

    Parameters
    ----------
    present : Tensor
        ``(n,)``, bool: which of the site's training cases.
    """
    rows = np.flatnonzero(present.cpu().numpy())
    cases = [site.cases.cases[site.training[row]] for row in rows]
    labels = np.array([case.label for case in cases], dtype=np.int64)
    return rows, labels, [case.patient_id for case in cases]


def patient_weights(patients: list[str]) -> Floats:
    """Return the weight of each case ``(n,)``: those of a patient have 1 among them."""
    _, owner, cases = np.unique(np.asarray(patients), return_inverse=True, return_counts=True)
    return 1.0 / cases[owner] if len(patients) else np.zeros(0)


def clusters_of(
    sums: Floats, classes: int, deviation: float, least: int, most: NDArray[np.int64]
) -> Prototypes:
    """Read noised sums as one cluster a class; nothing here looks at the data again.

    Parameters
    ----------
    sums : ndarray
        As `patient_sums` gives them, noised.
    deviation : float
        Standard deviation of the noise.
    least : int
        Patients that a class must have, after noise.
    most : ndarray
        ``(K,)``, cases of each class that the site's card tells of; no count is above it.
    """
    width = (len(sums) - classes - 1) // classes
    counts, totals = sums[:classes], sums[classes:-1].reshape(classes, width)
    known = np.flatnonzero(counts >= least)
    means = totals[known] / counts[known, None]
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1.0)
    shares = counts[known] / max(float(counts[known].sum()), 1.0)
    # The squared length of a noised mean is too long by that of its noise.
    noise = np.minimum(width * (deviation / counts[known]) ** 2, (means**2).sum(axis=1))
    between = float((shares * ((means**2).sum(axis=1) - noise)).sum())
    within = max(sums[-1] / max(float(counts.sum()), 1.0) - between, LEAST_VARIANCE)
    return Prototypes(
        known.astype(np.int64),
        (means * np.sqrt(width)).astype(np.float32),
        np.full((len(known), width), min(within, 1.0), dtype=np.float32),
        np.minimum(counts, most)[known].astype(np.float32),
    )
