"""How the images of a configuration are read: decoded, prepared, or as features."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from fed.config import Config, resolve
from fed.data.prepared import PreparedReader
from fed.data.reading import Decoder, ImageReader, Preparable
from fed.sites import MODALITIES, Modality

if TYPE_CHECKING:
    from fed.data.features import FeatureEncoder

FEATURES = "features"
"""Folder of features in that of prepared images."""


def readers(config: Config) -> Mapping[Modality, ImageReader]:
    """Return a reader for each modality; both may be the same one."""
    return {modality: _reader(config, modality) for modality in MODALITIES}


def feature_encoder(config: Config, modality: Modality) -> "FeatureEncoder":
    """Return what gives the features of a modality whose encoder is frozen."""
    from fed.data.features import FeatureEncoder  # torch, which reading images does not need

    return FeatureEncoder(_encoders_of(config), modality, _decoder(config))


def _decoder(config: Config) -> Decoder:
    data = config.data
    return Decoder(data.image_size, data.volume_size, data.oct_axes)


def _reader(config: Config, modality: Modality) -> ImageReader:
    data, decoder = config.data, _decoder(config)
    prepared = None if data.prepared is None else Path(data.prepared)
    path = Path(data.path or "")
    root = path.parent if data.source == "manifest" else path
    if modality in config.model.frozen:
        features = feature_encoder(config, modality)
        return _prepared(prepared / FEATURES, root, features) if prepared else features
    return _prepared(prepared, root, decoder) if prepared else decoder


@lru_cache(maxsize=4)
def _prepared(directory: Path, root: Path, decoder: Preparable) -> PreparedReader:
    """Return the same reader to all runs of this process: what it has looked up, it knows."""
    return PreparedReader(directory, root, decoder)


def _encoders_of(config: Config) -> str:
    """Return a configuration with the encoders of another one and defaults for all else, in JSON.

    So runs that differ in what no encoder depends on have one encoder, which is loaded once.
    """
    data, method = config.data, config.method
    sizes = {"image_size": data.image_size, "volume_size": data.volume_size}
    network = {"fusion": method.fusion, "predictors": method.predictors}
    alike = {"modalities": list(MODALITIES), "cases": 0.5}
    return resolve(
        {
            "name": FEATURES,
            "seed": config.seed,
            "task": config.task,
            "data": {"source": "manifest", "path": "", **sizes},
            "sites": [{"name": role, "role": role, **alike} for role in ("train", "held_out")],
            "model": config.model,
            "method": {"base": "experts", "name": FEATURES, **network},
        }
    ).model_dump_json()
