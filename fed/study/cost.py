"""How long a run will take on one core, before it is begun.

All constants are processor time of the machine that the documents' figures were made on; a study
corrects them by the first runs that end. `benchmarks.study_cost` compares them with what runs take.
An encoder that does not tell what it takes is tried out on a few pictures, on this machine.
"""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fed.config import Config
from fed.config.groups import SiteGroup
from fed.engines.site import one_thread
from fed.schedule import phase_lengths
from fed.sites import MODALITIES, Modality, SiteCard
from model.parts import ENCODER

RUN_S = 1.3
"""To open the data, start and write results."""
STEP_S = 0.0035
"""What a step takes beside its pictures where encoders train."""
HEADS_S, FUSION_S = 0.00003, 0.00027
"""To train heads alone, or the fusion, on the features that a frozen encoder has left of a picture."""
DRAWN_S, FILE_S, STORED_S = 0.0014, 0.001, 0.0003
"""To draw a picture, to decode one from its file, or to read one that was prepared. The file is of some
hundred pixels a side; the photographs of a clinic take longer, which the first runs tell."""
JUDGED_S = 0.001
"""To grade a held-out picture under all conditions, once."""
ENCODED_TWICE = 2.2
"""What a small encoder that rests takes where the fusion learns, in two views of a picture, beside training."""
TRIED = 8
"""Pictures that another encoder is tried on, at most."""
CASES = 30.0
"""Of a site of real data, where nobody has counted them."""


@dataclass(frozen=True)
class Sites:
    """Sites that are alike.

    Attributes
    ----------
    number : int
    trains : bool
    pictures : dict
        Of one site.
    """

    number: int
    trains: bool
    pictures: dict[Modality, float]

    @property
    def cases(self) -> float:
        """Of one site, about: those with both images count once."""
        return max(self.pictures.values())


class PictureSeconds(NamedTuple):
    """What a picture costs in an encoder: to train it, or to encode two views while it rests."""

    trained: float
    encoded_twice: float


_TRIED: dict[tuple[str, int, tuple[int, ...]], PictureSeconds] = {}


def sites_of(cards: Iterable[SiteCard]) -> list[Sites]:
    """Return the sites as they are."""
    return [
        Sites(1, card.role == "train", {m: float(card.having(m)) for m in MODALITIES})
        for card in cards
    ]


def planned_sites(config: Config) -> list[Sites]:
    """Return the sites as a configuration says them."""
    return [
        Sites(
            group.count,
            group.role == "train",
            {m: _cases(group) * group.ownership[m] for m in MODALITIES},
        )
        for group in config.sites
    ]


def start_seconds(config: Config, sites: Sequence[Sites]) -> float:
    """Return what it takes to start, and to get the pictures of sites that train."""
    return RUN_S + _reading(config) * sum(_pictures(one) for one in sites if one.trains)


def judging_seconds(config: Config, sites: Sequence[Sites]) -> float:
    """Return what it takes to get held-out pictures, and to grade them as often as is asked."""
    times = math.ceil(config.training.rounds / config.evaluation.every)
    each = _reading(config) + JUDGED_S * times
    return each * sum(_pictures(one) for one in sites if not one.trains)


def phase_seconds(config: Config, sites: Sequence[Sites]) -> list[float]:
    """Return what the rounds of each phase take."""
    training = _pooled(config, [one for one in sites if one.trains])
    frozen = config.model.frozen
    found = []
    for phase, length in zip(config.method.phases, phase_lengths(config), strict=True):
        rounds = 1.0 if phase.solve else float(length)
        passes = rounds * config.training.local_epochs * phase.epochs
        learns = FUSION_S if "fusion" in phase.trains else HEADS_S
        seconds = 0.0
        for one in training:
            batch = 1.0 if config.privacy.epsilon is not None else float(config.training.batch_size)
            steps = math.ceil(one.cases / batch) if "encoders" in phase.trains else 0
            for modality in MODALITIES:
                number = one.number * one.pictures[modality]
                if modality in frozen:
                    seconds += learns * number * passes
                else:
                    picture = picture_seconds(config, modality)
                    if "encoders" in phase.trains:
                        seconds += picture.trained * number * passes
                    else:
                        seconds += picture.encoded_twice * number * rounds
            if not frozen:
                seconds += STEP_S * one.number * steps * passes
        found.append(seconds)
    return found


def picture_seconds(config: Config, modality: Modality) -> PictureSeconds:
    """Return what a picture costs in the encoder of its modality.

    Raises
    ------
    ConfigError
        If the encoder cannot be built.
    """
    encoder = config.model.encoder_parts[MODALITIES.index(modality)]
    side = config.data.image_size
    shape = {"fundus": (3, side, side), "oct": (1, *config.data.volume_size)}[modality]
    if encoder.training_s is not None:
        seconds = encoder.training_s * math.prod(shape[1:])
        return PictureSeconds(seconds, ENCODED_TWICE * seconds)
    number = min(TRIED, config.training.batch_size)
    key = (repr(encoder), number, shape)
    if key not in _TRIED:  # each encoder is tried once
        _TRIED[key] = _tried(config, modality, (number, *shape))
    return _TRIED[key]


def _tried(config: Config, modality: Modality, shape: tuple[int, ...]) -> PictureSeconds:
    """Return what passes of an encoder take on this machine."""
    import torch

    from fed.initial import untrained
    from model.network import lay_channels_last

    network = untrained(config).get_submodule(ENCODER[modality]).train()
    lay_channels_last(network)
    with one_thread(), torch.random.fork_rng(devices=[]):
        pictures = torch.rand(shape)
        trained = _seconds(lambda: network(pictures).sum().backward())
        with torch.no_grad():
            encoded = _seconds(lambda: network(pictures))
    return PictureSeconds(trained / shape[0], 2 * encoded / shape[0])


def _seconds(call: Callable[[], object]) -> float:
    """Return the processor's seconds of a call that has been made once before."""
    call()
    start = time.process_time()
    call()
    return time.process_time() - start


def _reading(config: Config) -> float:
    if not config.data.real:
        return DRAWN_S
    return FILE_S if config.data.prepared is None else STORED_S


def _pictures(one: Sites) -> float:
    return one.number * sum(one.pictures.values())


def _pooled(config: Config, sites: Sequence[Sites]) -> Sequence[Sites]:
    """Return where training cases lie: at one site, if the method pools them.

    Pooled phantom eyes have all of their images; real ones have those there are.
    """
    if config.method.pool is None or not sites:
        return sites
    pictures = {m: sum(one.number * one.pictures[m] for one in sites) for m in MODALITIES}
    if config.method.pool == "complete" and not config.data.real:
        cases = sum(one.number * one.cases for one in sites)
        pictures = dict.fromkeys(MODALITIES, cases)
    return [Sites(1, True, pictures)]


def _cases(group: SiteGroup) -> float:
    if isinstance(group.cases, int):
        return float(group.cases)
    return float(getattr(group.cases, "median", CASES))
