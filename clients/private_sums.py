"""Sums for heads in closed form that no single patient can move far.

One Gaussian mechanism for all classes and modalities of a site. Features are taken about the mean of
phantom eyes, and none is longer from there than `BOUND` times their spread, a bound that looks at no
data. A patient's features of a modality share a weight of 1 among them. So a patient moves each of counts,
class sums and Gram matrix by 1 at most, in units of that bound; weighed by the roots of `SHARES`, all
three by 1, and the sums of a site by the root of its modalities.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from clients.noise import noise_of, parameters_digest
from clients.private_statistics import bounded, cases_with, patient_weights
from clients.public_scale import PublicScale
from clients.site import LocalSite
from fed.protocol import Sums
from fed.sites import Modality
from fed.states import State
from model.closed_form import ClassSums
from model.rima import Features

Floats = NDArray[np.float64]

BOUND = 4.0
"""Root mean square of the longest feature about the mean of phantom eyes, in their spread: real eyes
lie further from phantoms than those from each other."""

SHARES = (0.1, 0.6, 0.3)
"""Of the squared sensitivity, for counts, class sums and Gram matrix: noise of the sums is noise of
what classes differ by, while the ridge takes that of the Gram matrix up."""


def private_sums(
    site: LocalSite,
    features: Features,
    scale: Mapping[Modality, PublicScale],
    multiplier: float,
    parameters: State,
) -> Sums:
    """Return the noised sums over a site's patients.

    Parameters
    ----------
    features : Features
        Of the site's training cases.
    scale : mapping of modality to PublicScale
        Of each modality that the site owns.
    multiplier : float
        Standard deviation of the noise, in units of what one patient can move.
    parameters : State
        Of the encoders; they stand for the round in the scope of a simulation's noise.

    Returns
    -------
    Sums
        In the units of the features. Scatter is what noised Gram matrix and noised class sums give,
        and may have negative eigenvalues. A class with fewer than ``privacy.min_patients`` patients,
        after noise, is left out.
    """
    classes, least = len(site.config.task.classes), site.config.privacy.min_patients
    noise = noise_of(site, parameters_digest(parameters), "sums noise")
    deviation = multiplier * np.sqrt(len(site.card.modalities))
    found: dict[Modality, ClassSums] = {}
    for modality, values, present in features.by_modality():
        if modality not in scale:
            continue
        rows, labels, patients = cases_with(site, present)
        sums = patient_sums(
            scaled(values.double().cpu().numpy()[rows], scale[modality]),
            labels,
            patients,
            classes,
        )
        noised = sums + deviation * noise.normal(sums.shape)
        most = np.add(site.card.cases["both"], site.card.cases[modality])
        read = read_sums(noised, scale[modality], least, most)
        if read.counts.any():
            found[modality] = read
    return Sums(found)


def scaled(features: Floats, scale: PublicScale) -> Floats:
    """Return features ``(n, d)`` about the public mean, in units of the bound."""
    return (features - scale.mean) / (BOUND * scale.spread)


def patient_sums(
    values: Floats, labels: NDArray[np.int64], patients: list[str], classes: int
) -> Floats:
    """Return counts, class sums and Gram matrix of one modality, weighed, in one vector.

    Parameters
    ----------
    values : ndarray
        ``(n, d)``, as `scaled` gives them; one longer than the root of its width is shortened.

    Returns
    -------
    ndarray
        ``(K + K d + d (d + 1) / 2,)``: counts by class, sums by class, upper half of the Gram matrix
        of all, whose other entries count twice. One patient moves it by 1 at most.
    """
    within, weights = bounded(values), patient_weights(patients)
    counts = np.bincount(labels, weights, minlength=classes)
    totals = np.zeros((classes, values.shape[1]))
    np.add.at(totals, labels, weights[:, None] * within)
    gram = (weights[:, None] * within).T @ within
    half = gram[np.triu_indices(len(gram))] * _twice(len(gram))
    parts = zip(np.sqrt(SHARES), (counts, totals.ravel(), half), strict=True)
    return np.concatenate([weight * part for weight, part in parts])


def read_sums(noised: Floats, scale: PublicScale, least: int, most: NDArray[np.int64]) -> ClassSums:
    """Read noised sums about the noised means of the classes; looks at no data again.

    Parameters
    ----------
    noised : ndarray
        As `patient_sums` gives them, noised.
    scale : PublicScale
        That the features were brought to.
    least : int
        Patients that a class must have, after noise.
    most : ndarray
        ``(K,)``, cases of each class that the site's card tells of; no count is above it.
    """
    classes, width = len(most), len(scale.mean)
    unit = BOUND * scale.spread * np.sqrt(width)
    ends = [classes, classes + classes * width]
    parts = zip(np.sqrt(SHARES), np.split(noised, ends), strict=True)
    counts, totals, half = (part / weight for weight, part in parts)
    told = (counts >= least) & (most > 0)
    counts = np.where(told, np.minimum(counts, most), 0.0)
    means = totals.reshape(classes, width) / np.maximum(counts, 1.0)[:, None]
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1.0)
    means[~told] = 0.0
    gram = np.zeros((width, width))
    gram[np.triu_indices(width)] = half / _twice(width)
    gram += np.triu(gram, 1).T
    scatter = gram - (counts[:, None] * means).T @ means
    return ClassSums(
        np.rint(counts).astype(np.int64),
        np.where(told[:, None], scale.mean + unit * means, 0.0),
        unit**2 * scatter,
    )


def _twice(width: int) -> Floats:
    """Return the weight of each entry of the upper half, with which its length is the matrix's."""
    rows, columns = np.triu_indices(width)
    return np.where(rows == columns, 1.0, np.sqrt(2.0))
