"""Where a model looked: maps of what its answer rests on, one for each image of an eye."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clients.answers import SLOT, log_probabilities
from clients.grading.model import TrainedModel
from clients.site import encoded
from fed.engines.site import one_thread
from fed.errors import ConfigError
from fed.sites import MODALITIES, Modality
from model.rima import Batch

PATCHES = 8
"""Patches along a side of an image; neighbours overlap by half."""
DEPTHS = 4
"""Patches along the slices of a volume."""

Map = NDArray[np.float64]


def check_maps(model: TrainedModel) -> None:
    """Refuse a model of which no maps can be made.

    Raises
    ------
    ConfigError
        If captum is missing, or the model sees features in place of images.
    """
    if model.config.model.frozen:
        raise ConfigError("--page: the model sees features of a frozen encoder, not images")
    _captum()


def occlusion_maps(model: TrainedModel, eye: Batch) -> dict[Modality, Map]:
    """Return for each image of one eye by how much covering a place lowers the answer.

    A patch of the image is covered with the image's mean, and the eye is graded again with its
    other image as it is. The map holds, averaged over the patches that cover a place, by how much
    the log-probability of the grade falls that was the most probable one; below 0 where it rises.

    Parameters
    ----------
    eye : Batch
        Of one eye.

    Returns
    -------
    Mapping of modality to ndarray
        ``(height, width)`` of the photograph, ``(slices, depth, width)`` of the OCT.

    Raises
    ------
    ConfigError
        As `check_maps`.

    Notes
    -----
    Zeiler and Fergus, ECCV 2014. It asks the whole network, encoder, fusion and all, and takes no
    gradient, so it cannot show edges that the network does not use (Adebayo et al., NeurIPS 2018).
    """
    check_maps(model)
    occlusion = _captum().Occlusion
    with torch.no_grad(), one_thread():
        grade = int(_log_probabilities(model, eye).argmax())
        found: dict[Modality, Map] = {}
        for modality in MODALITIES:
            images = eye.fundus if modality == "fundus" else eye.oct
            if not len(images):
                continue

            def covered(changed: Tensor, of: Modality = modality) -> Tensor:
                return _log_probabilities(model, _with(eye, of, changed))[:, grade]

            window, strides = _window(modality, images)
            axes = tuple(range(2 if modality == "fundus" else 1, images.ndim))
            fall = (
                occlusion(covered)
                .attribute(
                    images,
                    sliding_window_shapes=window,
                    strides=strides,
                    baselines=images.mean(dim=axes, keepdim=True).expand_as(images),
                    perturbations_per_eval=SLOT,
                )[0]
                .numpy()
            )
            found[modality] = np.asarray(fall[0] if modality == "fundus" else fall, np.float64)
    return found


def _log_probabilities(model: TrainedModel, batch: Batch) -> Tensor:
    features = encoded(model.network, batch, model.config)
    return log_probabilities(model.network, model.config.method, features)


def _with(eye: Batch, modality: Modality, images: Tensor) -> Batch:
    """Return an eye as often as there are images, with one of these each time."""
    fundus, oct_ = (eye.fundus, images) if modality == "oct" else (images, eye.oct)
    many = len(images)

    def repeated(tensor: Tensor) -> Tensor:
        return tensor if len(tensor) in (0, many) else tensor.expand(many, *tensor.shape[1:])

    return Batch(
        repeated(fundus), repeated(oct_), eye.has_fundus.expand(many), eye.has_oct.expand(many)
    )


def _window(modality: Modality, images: Tensor) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return size and steps of the patch; colours are covered together."""
    first, *sides = images.shape[1:]
    patch = tuple(max(2, side // PATCHES) for side in sides)
    steps = tuple(size // 2 for size in patch)
    if modality == "fundus":
        return (first, *patch), (first, *steps)
    slices = max(1, first // DEPTHS)
    return (slices, *patch), (slices, *steps)


def _captum() -> Any:
    try:
        from captum import attr
    except ImportError:
        raise ConfigError("--page needs captum: pip install 'fedrima[explain]'") from None
    return attr
