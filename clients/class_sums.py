"""What a site sends for heads in closed form: sums of its features, class by class."""

import numpy as np

from clients.site import LocalSite
from fed.errors import ConfigError
from fed.protocol import Sums
from fed.sites import Modality
from fed.states import State
from model.closed_form import ClassSums


def class_sums(site: LocalSite, parameters: State) -> Sums:
    """Sum the features of the site's training cases by class and modality.

    Returns
    -------
    Mapping of modality to ClassSums
        A class with fewer than ``privacy.min_patients`` patients is left out: its mean would show
        an eye.

    Raises
    ------
    ConfigError
        If no phase of the method solves for heads: sums carry no noise, and a configuration with a
        budget allows no such phase.
    """
    if not any(phase.solve for phase in site.config.method.phases):
        raise ConfigError(
            f"sums of features: {site.config.method.name} solves for no heads, so nobody may ask"
        )
    network = site.network(parameters)
    features = site.encode_frozen(network, site.training)
    labels = site.cases.labels()[site.training]
    patients = np.array([site.cases.cases[i].patient_id for i in site.training])
    classes, least = len(site.config.task.classes), site.config.privacy.min_patients
    found: dict[Modality, ClassSums] = {}
    for modality, values, present in features.by_modality():
        rows = present.cpu().numpy()
        own, of = values.double().cpu().numpy()[rows], labels[rows]
        enough = [
            label for label in range(classes) if len(set(patients[rows][of == label])) >= least
        ]
        kept = np.isin(of, enough)
        if kept.any():
            found[modality] = ClassSums.of(own[kept], of[kept], classes)
    return found
