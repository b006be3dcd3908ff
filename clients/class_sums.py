"""What a site sends for heads in closed form: sums of its features, class by class."""

import numpy as np
from numpy.typing import NDArray

from clients.private_sums import private_sums
from clients.public_scale import public_scale
from clients.site import LocalSite
from fed.config import Method, Phase
from fed.errors import ConfigError
from fed.protocol import Sums
from fed.sites import MODALITIES, Modality
from fed.states import State
from model.closed_form import ClassSums, CrossSums


def class_sums(site: LocalSite, parameters: State) -> Sums:
    """Sum the features of the site's training cases by class and modality.

    Returns
    -------
    Sums
        A class with fewer than ``privacy.min_patients`` patients is left out: its mean would show
        an eye. Across modalities only where the method solves for the head over both. With a budget,
        what `private_sums` says.

    Raises
    ------
    ConfigError
        If no phase of the method solves for heads.
    """
    solving(site.config.method)
    network = site.network(parameters)
    features = site.encode_frozen(network, site.training)
    if site.account is not None:
        scale = public_scale(site, network)
        return private_sums(site, features, scale, site.account.multiplier, parameters)
    labels = site.cases.labels()[site.training]
    patients = np.array([site.cases.cases[i].patient_id for i in site.training])
    classes, least = len(site.config.task.classes), site.config.privacy.min_patients
    values = {m: v.double().cpu().numpy() for m, v, _ in features.by_modality()}
    there = {m: present.cpu().numpy() for m, _, present in features.by_modality()}
    found: dict[Modality, ClassSums] = {}
    for modality, owned in there.items():
        rows = _of_enough_patients(owned, labels, patients, classes, least)
        if rows.any():
            found[modality] = ClassSums.of(values[modality][rows], labels[rows], classes)
    if not site.config.method.solves_joint:
        return Sums(found)
    rows = _of_enough_patients(there["fundus"] & there["oct"], labels, patients, classes, least)
    if not rows.any():
        return Sums(found)
    fundus, oct_ = (values[modality][rows] for modality in MODALITIES)
    return Sums(found, CrossSums.of(fundus, oct_, labels[rows], classes))


def solving(method: Method) -> Phase:
    """Return the phase that sums are asked for.

    Raises
    ------
    ConfigError
        If none solves for heads.
    """
    for phase in method.phases:
        if phase.solve is not None:
            return phase
    raise ConfigError(f"sums of features: {method.name} solves for no heads, so nobody may ask")


def _of_enough_patients(
    rows: NDArray[np.bool_],
    labels: NDArray[np.int64],
    patients: NDArray[np.str_],
    classes: int,
    least: int,
) -> NDArray[np.bool_]:
    """Return the rows of classes that have, among these rows, so many patients at least."""
    enough = [k for k in range(classes) if len(set(patients[rows & (labels == k)])) >= least]
    return rows & np.isin(labels, enough)
