"""Features of a frozen encoder in the place of images."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fed.config import Config, resolve
from fed.config.model import Frozen
from fed.data.cases import Pixels
from fed.data.doubts import Doubt
from fed.data.reading import Decoder
from fed.engines.site import one_thread
from fed.errors import ConfigError
from fed.initial import own_encoder
from fed.sites import Modality
from model.frozen import load_frozen
from model.weights import WeightsError


@dataclass(frozen=True)
class FeatureEncoder:
    """Decodes images and runs a frozen encoder on them, one at a time and on one thread.

    So a feature depends on nothing but its image and the encoder. Cheap to send to a process: the
    encoder is loaded where it is first used.

    Attributes
    ----------
    federation : str
        The resolved configuration in JSON, with a frozen encoder of `modality`.
    modality : {"fundus", "oct"}
    decoder : Decoder
    """

    federation: str
    modality: Modality
    decoder: Decoder

    def read(self, modality: Modality, path: Path) -> NDArray[np.float32]:
        """Return the feature ``(d,)`` of an image.

        Raises
        ------
        DataError
            If the image cannot be read.
        ConfigError
            If the encoder cannot be loaded or run, or gives features of another width.
        """
        return self.encoded(modality, self.decoder.read(modality, path))

    def examine(
        self, modality: Modality, path: Path
    ) -> tuple[NDArray[np.float32], tuple[Doubt, ...]]:
        """Return what `read` does, and what is doubtful of the image."""
        pixels, doubts = self.decoder.examine(modality, path)
        return self.encoded(modality, pixels), doubts

    def encoded(self, modality: Modality, image: Pixels) -> NDArray[np.float32]:
        """Return the feature ``(d,)`` of an image that is decoded.

        Raises
        ------
        ConfigError
            As `read` does.
        """
        pixels = torch.from_numpy(image).float() / 255
        batch = pixels[None] if modality == "fundus" else pixels[None, None]
        encoder = _encoder(self.federation, self.modality)
        try:
            with torch.no_grad(), one_thread():
                features = encoder(batch).float().flatten()
        except Exception as error:  # whatever the encoder of a file may raise
            reason = (str(error) or type(error).__name__).strip().splitlines()[0]
            raise ConfigError(f"{self._key}: {self._spec.encoder} failed: {reason}") from None
        if self._spec.features not in (None, len(features)):
            raise ConfigError(
                f"{self._key}.features: {self._spec.features}, but {self._spec.encoder} gives "
                f"{len(features)} for an image of {' x '.join(map(str, batch.shape))}"
            )
        return features.numpy()

    def identity(self, modality: Modality) -> str:
        """Return what a feature depends on beside its image's file: the encoder, and its input."""
        return f"{self.decoder.identity(modality)} {_digest(self.federation, self.modality)}"

    def check(self, images: Sequence[tuple[Modality, Path]]) -> Sequence[Doubt]:
        """Decode every image once, as `Decoder.check` does."""
        return self.decoder.check(images)

    @property
    def _spec(self) -> Frozen:
        return _config(self.federation).model.frozen[self.modality]

    @property
    def _key(self) -> str:
        return f"model.frozen.{self.modality}"


@lru_cache(maxsize=2)
def _config(federation: str) -> Config:
    return resolve(json.loads(federation))


@lru_cache(maxsize=2)
def _encoder(federation: str, modality: Modality) -> Callable[[Tensor], Tensor]:
    config = _config(federation)
    file = config.model.frozen[modality].encoder
    if file == "own":
        return own_encoder(config, modality)
    try:
        return load_frozen(Path(file))
    except WeightsError as error:
        raise ConfigError(f"model.frozen.{modality}: {error}") from None


@lru_cache(maxsize=2)
def _digest(federation: str, modality: Modality) -> str:
    """Return a hash of the encoder's content; one in a file is not loaded for it."""
    file = _config(federation).model.frozen[modality].encoder
    digest = hashlib.blake2b(digest_size=16)
    if file != "own":
        try:
            digest.update(Path(file).read_bytes())
        except OSError as error:
            raise ConfigError(f"model.frozen.{modality}: {file}: {error.strerror}") from None
        return digest.hexdigest()
    encoder = _encoder(federation, modality)
    assert isinstance(encoder, nn.Module)
    for name, value in encoder.state_dict().items():
        digest.update(name.encode() + value.numpy().tobytes())
    return digest.hexdigest()
