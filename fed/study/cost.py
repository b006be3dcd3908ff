"""How long a run will take on one core, before it is begun.

All constants are processor time of the machine that the documents' figures were made on; a study
corrects them by the first runs that end. `benchmarks.study_cost` compares them with what runs take.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from fed.config import Config
from fed.config.groups import SiteGroup
from fed.schedule import phase_lengths
from fed.sites import MODALITIES, Modality, SiteCard

RUN_S = 1.3
"""To open the data, start and write results."""
PICTURE_S = 0.0007
"""To train an encoder on a picture of `PIXELS`, its augmentation included."""
PIXELS: dict[Modality, float] = {"fundus": 64**2, "oct": 16 * 32 * 32}
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
"""Passes of a round in which the fusion learns from encoders that rest: all cases in two views."""
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
    sizes = {"fundus": config.data.image_size**2, "oct": float(np.prod(config.data.volume_size))}
    found = []
    for phase, length in zip(config.method.phases, phase_lengths(config), strict=True):
        rounds = 1.0 if phase.solve else float(length)
        passes = rounds * config.training.local_epochs * phase.epochs
        encodes = passes if "encoders" in phase.trains else rounds * ENCODED_TWICE
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
                    seconds += PICTURE_S * sizes[modality] / PIXELS[modality] * number * encodes
            if not frozen:
                seconds += STEP_S * one.number * steps * passes
        found.append(seconds)
    return found


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
