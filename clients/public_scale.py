"""Where features lie and how far they spread, from phantom eyes: no patient has a part in it.

Features of a network share a large mean. About it they are short, so that a bound on their length,
and the noise that hides a patient behind it, can be small.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clients.site import LocalSite, encoded
from fed.config import Config
from fed.data.cases import Pixels
from fed.data.phantom import draw_eye
from fed.data.phantom.fundus import FundusCamera
from fed.data.phantom.oct import OctScanner
from fed.data.phantom.style import FundusStyle, OctStyle
from fed.data.readers import feature_encoder
from fed.randomness import generator
from fed.sites import MODALITIES, Modality
from model.rima import RIMA, Batch

Floats = NDArray[np.float64]

EYES = 16
"""Phantom eyes, of all classes in turn, as the average devices see them."""


@dataclass(frozen=True)
class PublicScale:
    """The features of phantom eyes in two numbers.

    Attributes
    ----------
    mean : ndarray
        ``(d,)``.
    spread : float
        Root mean square of the deviations from it, over eyes and coordinates.
    """

    mean: Floats
    spread: float

    @classmethod
    def of(cls, features: Floats) -> "PublicScale":
        """Return that of features ``(n, d)``; a spread is never 0."""
        mean = features.mean(axis=0)
        spread = float(np.sqrt(((features - mean) ** 2).mean()))
        return cls(mean, max(spread, float(np.finfo(np.float32).tiny)))


def public_scale(site: LocalSite, network: RIMA) -> Mapping[Modality, PublicScale]:
    """Return the scale of each modality that a site owns.

    The eyes are the same in every run and at every site.

    Parameters
    ----------
    network : RIMA
        With the encoders as the site was sent them.
    """
    owned, config = site.card.modalities, site.config
    given = [_given(config, m) if m in owned else torch.zeros(0, 0, 0, 0) for m in MODALITIES]
    has = [torch.full((EYES,), m in owned) for m in MODALITIES]
    batch = Batch(*(tensor.to(site.device) for tensor in (*given, *has)))
    with torch.no_grad():
        features = encoded(network, batch, config)
    return {
        modality: PublicScale.of(values.double().cpu().numpy())
        for modality, values, _ in features.by_modality()
        if modality in owned
    }


@lru_cache(maxsize=2)
def _given(config: Config, modality: Modality) -> Tensor:
    """Return what the network is given of the eyes: images in [0, 1], or a frozen encoder's features."""
    pictures = [_picture(config, modality, number) for number in range(EYES)]
    if modality not in config.model.frozen:
        return torch.from_numpy(np.stack(pictures)).float() / 255
    encoder = feature_encoder(config, modality)
    return torch.from_numpy(np.stack([encoder.encoded(modality, picture) for picture in pictures]))


def _picture(config: Config, modality: Modality, number: int) -> Pixels:
    classes, random = len(config.task.classes), generator(0, "public scale", number)
    eye = draw_eye(number % classes, classes, random)
    if modality == "fundus":
        return FundusCamera(config.data.image_size, FundusStyle()).photograph(eye, random)
    return OctScanner(config.data.volume_size, OctStyle()).scan(eye, random)
