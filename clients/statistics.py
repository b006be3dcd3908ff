"""What leaves a site besides weights: clusters of its features, class by class."""

import numpy as np
from numpy.typing import NDArray

from clients.private_statistics import private_statistics
from clients.site import LocalSite
from fed.protocol import Bank
from fed.prototypes import Floats, Prototypes, assignment, join, merged
from fed.randomness import derive
from fed.sites import Modality
from fed.states import State


def class_statistics(site: LocalSite, parameters: State) -> Bank:
    """Summarise the features of the site's training cases by class and modality.

    Returns
    -------
    Mapping of modality to Prototypes
        At most ``method.clusters`` clusters a class, each of ``privacy.min_patients`` patients or
        more, so that no single eye's feature leaves the site; a class with fewer sends nothing.
        With a budget, what `private_statistics` says.
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
    return found


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
