"""A site at run time: its configuration, its cases, its images, its network."""

import ctypes
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from clients.attacks import Attack
from clients.batches import batches, concatenate
from clients.images import SiteImages
from clients.kept import kept_up_to
from clients.onboarding.archive import set_archive_apart
from fed.config import Config
from fed.data.cases import CaseSource, SiteCases, coarse
from fed.data.opening import open_once, open_own
from fed.initial import untrained
from fed.privacy import Account, account_of
from fed.protocol import Split
from fed.randomness import generator
from fed.sites import SiteCard
from fed.states import State
from model.encoders.res2net import Res2Net
from model.encoders.resnet3d import ResNet3d
from model.network import lay_channels_last
from model.normalisation import estimating
from model.rima import RIMA, Batch, Features

KEPT_BYTES = 2 << 30
"""Decoded images that a process keeps of its sites, so that a federation of thousands, or of large
ones, fits in memory."""

ENCODED_AT_ONCE = 64
"""Cases that a frozen encoder is given at once."""

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
"""Of the autocast that ``training.precision`` asks for."""


@dataclass(frozen=True)
class LocalSite:
    """What one site works with.

    Attributes
    ----------
    config : Config
    cases : SiteCases
    images : SiteImages
    training, validation : ndarray
        Positions of the cases to train on and of those kept back; no patient is in both.
    archive, judged : ndarray
        At a held-out site, positions of the unlabelled cases it may adapt with and of those it
        judges the model on; no patient is in both. The archive is empty without onboarding.
    deployed : bool
        Whether this is the site's own machine: what it tells is then of `privacy.min_patients`
        patients at least, and its noise is nobody's to draw again.
    """

    config: Config
    cases: SiteCases
    images: SiteImages
    training: NDArray[np.int64]
    validation: NDArray[np.int64]
    archive: NDArray[np.int64]
    judged: NDArray[np.int64]
    deployed: bool = False

    @property
    def name(self) -> str:
        """The site's name."""
        return self.cases.site.name

    @property
    def device(self) -> torch.device:
        """Where the site computes."""
        return _device(self.config)

    @property
    def card(self) -> SiteCard:
        """What the site tells of itself."""
        least = self.config.privacy.min_patients if self.deployed else 1
        return self.cases.card(len(self.config.task.classes), least)

    @property
    def attack(self) -> Attack | None:
        """What the site does other than it should, if anything."""
        return _attack(self.config, self.name)

    @property
    def account(self) -> Account | None:
        """The site's account of privacy, if the run has a budget."""
        return account_of(self.config, self.card)

    def told(self, rows: Sequence[int] | NDArray[np.int64]) -> int:
        """Return the number of some training cases as it may be told."""
        patients = {self.cases.cases[row].patient_id for row in rows}
        least = self.config.privacy.min_patients if self.deployed else 1
        return coarse(len(rows), len(patients), least)

    def part(self, part: Split) -> NDArray[np.int64]:
        """Return the positions of the cases to score: the validation split, or those judged on."""
        return self.validation if part == "validation" else self.judged

    def network(self, parameters: State) -> RIMA:
        """Return the network with the modules received; what the others compute is not a number.

        So a site cannot go on with what an earlier message, or another site of the same process,
        has left behind.
        """
        return filled(_network(self.config), parameters)

    def encode(
        self,
        network: RIMA,
        rows: NDArray[np.int64],
        augment: torch.Generator | None = None,
        slot: int | None = None,
    ) -> Features:
        """Encode the cases at `rows`; see `encoded`."""
        return encoded(network, self.images.batch(rows, augment), self.config, slot)

    def encode_frozen(
        self,
        network: RIMA,
        rows: NDArray[np.int64],
        augment: torch.Generator | None = None,
        slot: int | None = None,
    ) -> Features:
        """Encode many cases without gradients, a few at a time.

        Where normalisation is local, the encoders first take the statistics of these images.
        `slot` is as `RIMA.encode` takes it.
        """
        chunks = batches(rows, ENCODED_AT_ONCE) or [rows]
        with torch.no_grad():
            if self.config.model.normalisation == "local":
                with estimating(network):
                    for chunk in chunks:
                        self.encode(network, chunk)
            return concatenate([self.encode(network, chunk, augment, slot) for chunk in chunks])


def encoded(network: RIMA, batch: Batch, config: Config, slot: int | None = None) -> Features:
    """Encode a batch in the precision that training asks for.

    `slot` is as `RIMA.encode` takes it.
    """
    precision = config.training.precision
    with torch.autocast(
        batch.has_fundus.device.type, DTYPES.get(precision), enabled=precision in DTYPES
    ):
        return network.encode(batch, slot)


def filled(network: RIMA, parameters: State) -> RIMA:
    """Put weights into a network, in evaluation mode; what it is not given is not a number.

    Raises
    ------
    ValueError
        If the network has no place for some of them.
    """
    for name, left_behind in network.state_dict().items():
        if name not in parameters and left_behind.is_floating_point():
            left_behind.fill_(torch.nan)
    state = {name: torch.from_numpy(np.array(value)) for name, value in parameters.items()}
    unexpected = network.load_state_dict(state, strict=False).unexpected_keys
    if unexpected:
        raise ValueError(f"the server sent unknown parameters: {', '.join(unexpected[:5])}")
    return network.requires_grad_(False).eval()


def equipped_network(config: Config) -> RIMA:
    """Return a network of its own, as a site computes with: its layout and where it is."""
    return _equipped(untrained(config), config).to(_device(config))


def _bytes_kept(site: LocalSite) -> int:
    return site.images.nbytes


@kept_up_to(KEPT_BYTES, _bytes_kept)
def open_site(
    config: Config, name: str, data: str | None = None, deployed: bool = False
) -> LocalSite:
    """Open a site of the federation.

    Parameters
    ----------
    data : str, optional
        Where this machine keeps the site's own data; otherwise the site has the share of
        ``data.path`` that the configuration gives it.
    deployed : bool
        Whether this is the site's own machine, not a simulation of it.
    """
    cases = _labelled(_source(config, data and name, data).open(name), config)
    training, validation = _split(cases, config)
    archive, judged = _set_archive_apart(cases, config)
    images = SiteImages(cases, _device(config), config.method.other_devices)
    return LocalSite(config, cases, images, training, validation, archive, judged, deployed)


def _attack(config: Config, site: str) -> Attack | None:
    asked = config.attack
    found: Attack | None = asked.how if asked is not None and site in asked.sites else None
    return found


def _labelled(cases: SiteCases, config: Config) -> SiteCases:
    """Return the cases with the labels that the site gives them."""
    attack, classes = _attack(config, cases.site.name), len(config.task.classes)
    if attack is None:
        return cases
    given = tuple(replace(c, label=attack.label(c.label, classes)) for c in cases.cases)
    return replace(cases, cases=given)


def whole_site(config: Config, cases: SiteCases) -> LocalSite:
    """Return a site that trains on all of the cases given."""
    everyone = np.arange(len(cases))
    nobody = everyone[:0]
    images = SiteImages(cases, _device(config), config.method.other_devices)
    return LocalSite(config, cases, images, everyone, nobody, nobody, everyone)


@lru_cache(maxsize=2)
def _source(config: Config, own: str | None, data: str | None) -> CaseSource:
    if own is not None and data is not None:
        return open_own(config, own, data)
    return open_once(config)


@lru_cache(maxsize=1)
def _network(config: Config) -> RIMA:
    return equipped_network(config)


def forget_network() -> None:
    """Free the network that this process keeps between messages, and what computing with it took.

    Without being asked, the C library keeps for itself gigabytes that the published scale has left
    free, also where all further training is done by other processes.
    """
    _network.cache_clear()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", lambda _: 0)  # musl has none
        trim(0)


def _equipped(network: RIMA, config: Config) -> RIMA:
    """Lay the encoders' weights out channels last, and give them the checkpointing asked for."""
    for encoder in (network.fundus_encoder, network.oct_encoder):
        lay_channels_last(encoder)
        # features that are given have no blocks to checkpoint
        if config.training.checkpointing and isinstance(encoder, Res2Net | ResNet3d):
            encoder.checkpoint = True
    return network


def _device(config: Config) -> torch.device:
    return torch.device("cuda" if config.engine.gpus_per_worker > 0 else "cpu")


def _split(cases: SiteCases, config: Config) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split a training site's cases by patient; held-out sites keep nothing back."""
    everyone = np.arange(len(cases))
    if cases.site.role != "train" or config.evaluation.validation == 0:
        return everyone, everyone[:0]
    patients = sorted({case.patient_id for case in cases.cases})
    order = generator(config.seed, cases.site.name, "validation").permutation(len(patients))
    kept_back = round(len(patients) * config.evaluation.validation)
    chosen = {patients[i] for i in order[:kept_back]}
    mask = np.array([case.patient_id in chosen for case in cases.cases])
    return everyone[~mask], everyone[mask]


def _set_archive_apart(
    cases: SiteCases, config: Config
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    onboarding = config.evaluation.onboarding
    size = onboarding.archive if onboarding and cases.site.role == "held_out" else 0
    random = generator(config.seed, cases.site.name, "archive")
    return set_archive_apart(cases.cases, size, random)
