"""What a site sends for heads in closed form: sums of its features, class by class."""

import numpy as np

from clients.site import LocalSite
from clients.statistics import SMALLEST_CLUSTER
from fed.protocol import Sums
from fed.sites import MODALITIES, Modality
from fed.states import State
from model.closed_form import ClassSums


def class_sums(site: LocalSite, parameters: State) -> Sums:
    """Sum the features of the site's training cases by class and modality.

    Returns
    -------
    Mapping of modality to ClassSums
        A class with fewer than `SMALLEST_CLUSTER` cases is left out: its mean would show an eye.
    """
    network = site.network(parameters)
    features = site.encode_frozen(network, site.training)
    labels = site.cases.labels()[site.training]
    classes = len(site.config.task.classes)
    found: dict[Modality, ClassSums] = {}
    for modality, values, present in zip(
        MODALITIES,
        (features.fundus, features.oct),
        (features.has_fundus, features.has_oct),
        strict=True,
    ):
        rows = present.cpu().numpy()
        own, of = values.double().cpu().numpy()[rows], labels[rows]
        kept = np.bincount(of, minlength=classes)[of] >= SMALLEST_CLUSTER
        if kept.any():
            found[modality] = ClassSums.of(own[kept], of[kept], classes)
    return found
