"""The global model before the first round: fresh, pretrained, or taken from a checkpoint."""

from logging import getLogger
from pathlib import Path

import torch

from fed.config import Config
from fed.errors import ConfigError
from fed.protocol import State
from fed.randomness import derive
from fed.storage import read_tensors
from model.network import build
from model.normalisation import with_normalisation
from model.rima import RIMA
from model.weights import WeightsError, import_released_checkpoint, load_encoder_weights

log = getLogger(__name__)


def initial_model(config: Config) -> State:
    """Return the network before any training, as ``model`` of the configuration asks.

    Raises
    ------
    ConfigError
        If a size or a file of weights does not fit the network.
    """
    try:
        network = build(
            config.model.scale,
            len(config.task.classes),
            config.data.image_size,
            config.data.volume_size,
            derive(config.seed, "network"),
            config.method.fusion,
            config.method.predictors,
        )
        _load(network, config)
    except WeightsError as error:
        raise ConfigError(f"model: {error}") from None
    return {key: value.numpy() for key, value in network.state_dict().items()}


def _load(network: RIMA, config: Config) -> None:
    encoders = (
        (config.model.fundus_weights, network.fundus_encoder),
        (config.model.oct_weights, network.oct_encoder),
    )
    for file, encoder in encoders:
        if file is not None:
            log.info("%s: %s", file, load_encoder_weights(encoder, Path(file)))
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
