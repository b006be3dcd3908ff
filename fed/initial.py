"""The global model before the first round: fresh, pretrained, or taken from a checkpoint."""

from logging import getLogger
from pathlib import Path
from typing import cast

import torch
from torch import nn

from fed.config import Config
from fed.errors import ConfigError
from fed.randomness import derive
from fed.sites import Modality
from fed.states import State
from fed.storage import read_tensors
from model.encoders.given import Given
from model.encoders.monai import MonaiEncoder
from model.network import build
from model.normalisation import with_normalisation
from model.parts import ENCODER
from model.rima import RIMA, Encoder, Sizes
from model.weights import WeightsError, import_released_checkpoint, load_encoder_weights

log = getLogger(__name__)


def initial_model(config: Config) -> State:
    """Return the network before any training, as ``model`` of the configuration asks.

    Raises
    ------
    ConfigError
        If a size or a file of weights does not fit the network.
    """
    network = _on_features(_pretrained(config), config)
    return {key: value.numpy() for key, value in network.state_dict().items()}


def untrained(config: Config) -> RIMA:
    """Return the network of a configuration, for weights to be put in."""
    network = with_normalisation(_built(config), config.model.normalisation)
    return _on_features(network, config)


def own_encoder(config: Config, modality: Modality) -> nn.Module:
    """Return the encoder of `model.scale` as it starts, in evaluation mode.

    Raises
    ------
    ConfigError
        As `initial_model` does.
    """
    encoder = _pretrained(config).get_submodule(ENCODER[modality])
    return encoder.requires_grad_(False).eval()


def _built(config: Config) -> RIMA:
    model, method, widths = config.model, config.method, config.model.all_widths
    try:
        return build(
            model.encoder_parts,
            config.data.image_size,
            config.data.volume_size,
            Sizes(len(config.task.classes), widths.predictor, widths.feed_forward, widths.dropout),
            method.fusion,
            derive(config.seed, "network"),
            method.predictors,
            {m: frozen.features for m, frozen in model.frozen.items() if frozen.features},
        )
    except ValueError as error:
        raise ConfigError(f"model.encoders: {error}") from None


def _pretrained(config: Config) -> RIMA:
    network = _built(config)
    try:
        _load(network, config)
    except WeightsError as error:
        raise ConfigError(f"model: {error}") from None
    return network


def _on_features(network: RIMA, config: Config) -> RIMA:
    """Take out the network's own encoders that are frozen: their features are given."""
    for modality, frozen in config.model.frozen.items():
        name = ENCODER[modality]
        features = cast(Encoder, network.get_submodule(name)).features
        network.set_submodule(name, Given(features, frozen.standardise))
    return network


def _load(network: RIMA, config: Config) -> None:
    encoders = (
        (config.model.fundus_weights, network.fundus_encoder),
        (config.model.oct_weights, network.oct_encoder),
    )
    for file, encoder in encoders:
        if file is not None:
            inner = encoder.network if isinstance(encoder, MonaiEncoder) else encoder
            log.info("%s: %s", file, load_encoder_weights(inner, Path(file)))
    path = None if config.model.init is None else Path(config.model.init)
    ours = path is not None and path.name == "model.safetensors"
    if path is not None and not ours:
        log.info("%s: %s", path, import_released_checkpoint(network, path))
    with_normalisation(network, config.model.normalisation)
    if path is not None and ours:
        _load_ours(network, path)


def _load_ours(network: RIMA, path: Path) -> None:
    if not path.exists():
        raise ConfigError(f"model.init: {path} does not exist")
    found = {key: torch.from_numpy(value) for key, value in read_tensors(path).items()}
    own = {key: value for key, value in found.items() if not key.startswith("bank.")}
    try:
        network.load_state_dict(own)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip()
        raise ConfigError(f"model.init: {path} holds another network: {first}") from None
