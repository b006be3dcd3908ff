"""How the images of a configuration are read: decoded, prepared, or as features."""

from collections.abc import Mapping
from pathlib import Path

from fed.config import Config
from fed.data.prepared import PreparedReader
from fed.data.reading import Decoder, ImageReader
from fed.sites import MODALITIES, Modality

FEATURES = "features"
"""Folder of features in that of prepared images."""


def readers(config: Config) -> Mapping[Modality, ImageReader]:
    """Return a reader for each modality; both may be the same one."""
    return {modality: _reader(config, modality) for modality in MODALITIES}


def _reader(config: Config, modality: Modality) -> ImageReader:
    data = config.data
    decoder = Decoder(data.image_size, data.volume_size, data.oct_axes)
    prepared = None if data.prepared is None else Path(data.prepared)
    path = Path(data.path or "")
    root = path.parent if data.source == "manifest" else path
    if modality in config.model.frozen:
        from fed.data.features import FeatureEncoder  # torch, which reading images does not need

        features = FeatureEncoder(config.model_dump_json(), modality, decoder)
        return PreparedReader(prepared / FEATURES, root, features) if prepared else features
    return PreparedReader(prepared, root, decoder) if prepared else decoder
