"""What leaves a site besides weights: clusters of its features, class by class."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clients.site import LocalSite
from fed.protocol import Bank
from fed.prototypes import Prototypes, join, summarise
from fed.randomness import derive
from fed.sites import MODALITIES, Modality
from fed.states import State

# A cluster stands for at least this many cases, so that no single eye's feature leaves the site.
SMALLEST_CLUSTER = 3


def class_statistics(site: LocalSite, parameters: State) -> Bank:
    """Summarise the features of the site's training cases by class and modality.

    Returns
    -------
    Mapping of modality to Prototypes
        At most ``method.clusters`` clusters a class; a class with fewer than `SMALLEST_CLUSTER`
        cases sends nothing.
    """
    network = site.network(parameters)
    features = site.encode_frozen(network, site.training)
    labels = site.cases.labels()[site.training]
    found: dict[Modality, Prototypes] = {}
    for modality, values, present in zip(
        MODALITIES,
        (features.fundus, features.oct),
        (features.has_fundus, features.has_oct),
        strict=True,
    ):
        rows = present.cpu().numpy()
        clusters = _by_class(site, modality, values.cpu()[present.cpu()], labels[rows])
        if clusters:
            found[modality] = join(clusters)
    return found


def _by_class(
    site: LocalSite, modality: Modality, values: Tensor, labels: NDArray[np.int64]
) -> list[Prototypes]:
    clusters = []
    for label in np.unique(labels):
        own = values[torch.from_numpy(labels == label)].numpy()
        number = min(site.config.method.clusters, len(own) // SMALLEST_CLUSTER)
        if number:
            points = Prototypes(
                np.full(len(own), label),
                own,
                np.zeros_like(own),
                np.ones(len(own), dtype=np.float32),
            )
            seed = derive(site.config.seed, site.name, modality, int(label), "statistics")
            clusters.append(summarise(points, number, seed))
    return [_large_enough(c) for c in clusters if (c.counts >= SMALLEST_CLUSTER).any()]


def _large_enough(clusters: Prototypes) -> Prototypes:
    kept = clusters.counts >= SMALLEST_CLUSTER
    return Prototypes(
        clusters.labels[kept], clusters.means[kept], clusters.variances[kept], clusters.counts[kept]
    )
