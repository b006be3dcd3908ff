"""What leaves a site besides weights: clusters of its features, class by class."""

import numpy as np
from numpy.typing import NDArray

from clients.private_statistics import private_statistics
from clients.site import LocalSite
from fed.pair_sums import PairSums
from fed.protocol import Statistics
from fed.prototypes import Floats, Prototypes, assignment, join, merged
from fed.randomness import derive
from fed.sites import Modality
from fed.states import State
from model.rima import Features


def class_statistics(site: LocalSite, parameters: State) -> Statistics:
    """Summarise the features of the site's training cases by class and modality.

    Returns
    -------
    Statistics
        At most ``method.clusters`` clusters a class and modality, each of ``privacy.min_patients``
        patients or more, so that no single eye's feature leaves the site; a class with fewer sends
        nothing. Where the method asks for pairs, sums over the classes with as many patients whose
        eyes are linked. With a budget, what `private_statistics` says.
    """
    network = site.network(parameters)
    features = site.encode_frozen(network, site.training)
    if site.account is not None:
        return private_statistics(site, features, site.account.multiplier, parameters)
    labels = site.cases.labels()[site.training]
    patients = np.array([site.cases.cases[i].patient_id for i in site.training])
    found: dict[Modality, Prototypes] = {}
    for modality, values, present in features.by_modality():
        rows = present.cpu().numpy()
        own = values.cpu()[present.cpu()].numpy()
        clusters = _by_class(site, modality, own, labels[rows], patients[rows])
        if clusters:
            found[modality] = join(clusters)
    if not site.config.method.asks_for_pairs:
        return Statistics(found)
    return Statistics(found, _linked(site, features, labels, patients))


def _linked(
    site: LocalSite, features: Features, labels: NDArray[np.int64], patients: NDArray[np.str_]
) -> PairSums | None:
    """Sum over linked eyes, in the classes that have enough patients with such."""
    classes, least = len(site.config.task.classes), site.config.privacy.min_patients
    rows = (features.has_fundus & features.has_oct).cpu().numpy()
    enough = [k for k in range(classes) if len(set(patients[rows & (labels == k)])) >= least]
    rows &= np.isin(labels, enough)
    if not rows.any():
        return None
    fundus, oct_ = features.fundus.cpu().numpy()[rows], features.oct.cpu().numpy()[rows]
    return PairSums.of(fundus, oct_, labels[rows], classes)


def _by_class(
    site: LocalSite,
    modality: Modality,
    values: Floats,
    labels: NDArray[np.int64],
    patients: NDArray[np.str_],
) -> list[Prototypes]:
    least = site.config.privacy.min_patients
    clusters = []
    for label in np.unique(labels):
        rows = labels == label
        own, owners = values[rows], patients[rows]
        number = min(site.config.method.clusters, len(set(owners)) // least)
        if number:
            seed = derive(site.config.seed, site.name, modality, int(label), "statistics")
            clusters += _of_enough_patients(_points(int(label), own), owners, number, seed, least)
    return clusters


def _points(label: int, values: Floats) -> Prototypes:
    """Return features as clusters of one case each."""
    number = len(values)
    return Prototypes(
        np.full(number, label),
        values,
        np.zeros_like(values),
        np.ones(number, dtype=np.float32),
    )


def _of_enough_patients(
    points: Prototypes, owners: NDArray[np.str_], clusters: int, seed: int, least: int
) -> list[Prototypes]:
    """Cluster the features of a class; leave out the clusters of fewer than `least` patients."""
    assigned = assignment(points, clusters, seed)
    return [
        merged(points.at(np.flatnonzero(assigned == cluster)))
        for cluster in range(clusters)
        if len(set(owners[assigned == cluster])) >= least
    ]
