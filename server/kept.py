"""What the server keeps for each site between rounds: sites remember nothing between messages.

One state holds it all, under ``kind/site/name``: batch normalisation that a site goes on with
(FedBN), control variates (SCAFFOLD) with what each site weighs in their mean, and the sums of features
that heads were solved from, so that a site can be taken out again.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fed.config import Config
from fed.protocol import Sums, Update
from fed.sites import MODALITIES, SiteCard
from fed.states import State
from model.closed_form import ClassSums, CrossSums
from model.parts import batch_normalisation
from server.selection import most_cases, returned_modules

NORMALISATION = "normalisation"
VARIATE = "variate"
WEIGHT = "weight"
SUMS = "sums"
"""Kinds of what is kept."""
ACROSS = "both"
"""In the place of a modality: sums across them."""
MEAN = ""
"""In the place of a site: the mean over all sites."""


def first_kept(config: Config, sites: Sequence[SiteCard]) -> State:
    """Return what is kept before the first round: what each site weighs in the mean variate."""
    if not config.method.keeps_variates:
        return {}
    return {
        _place(WEIGHT, card.name, module): np.array(weight)
        for card in sites
        if card.role == "train"
        for module, weight in _weights(config, card).items()
    }


def kept_of(kept: State, kind: str, site: str) -> dict[str, NDArray[Any]]:
    """Return what is kept of one kind for a site, by name."""
    prefix = _place(kind, site, "")
    return {name.removeprefix(prefix): v for name, v in kept.items() if name.startswith(prefix)}


def sent_to(model: State, kept: State, site: str) -> State:
    """Return the model as a site goes on with it: with batch normalisation of its own."""
    return {**model, **kept_of(kept, NORMALISATION, site)}


def correction(kept: State, site: str, sent: State) -> State:
    """Return what a site adds to its gradients: the mean variate less its own, ``c - c_i``.

    A site that has not answered yet has a variate of 0, as all have before the first round.
    """
    own = kept_of(kept, VARIATE, site)
    return {
        name: value - own.get(name, np.float32(0))
        for name, value in kept_of(kept, VARIATE, MEAN).items()
        if name in sent
    }


def keep_sums(sums: Mapping[str, Sums]) -> State:
    """Return what is kept of the sums that sites have sent."""
    return {
        _place(SUMS, site, name): value
        for site, sent in sums.items()
        for name, value in _arrays(sent).items()
    }


def kept_sums(kept: State) -> dict[str, Sums]:
    """Return the sums that are kept, by site."""
    prefix = f"{SUMS}/"
    sites = dict.fromkeys(key.split("/")[1] for key in kept if key.startswith(prefix))
    return {site: _sums(kept_of(kept, SUMS, site)) for site in sites}


class Kept:
    """Takes in what the sites of a round go on with.

    Parameters
    ----------
    config : Config
    before : State
        What was kept before the round.
    """

    def __init__(self, config: Config, before: State) -> None:
        self._config = config
        self._state: dict[str, NDArray[Any]] = dict(before)

    def add(self, update: Update, card: SiteCard) -> None:
        """Keep what is one site's own in its update, whose names and shapes have been checked."""
        if self._config.method.own_normalisation:
            for name in batch_normalisation(update.parameters):
                self._state[_place(NORMALISATION, card.name, name)] = update.parameters[name]
        for name, value in update.variates.items():
            self._state[_place(VARIATE, card.name, name)] = value
        if update.variates:
            for module, weight in _weights(self._config, card).items():
                self._state[_place(WEIGHT, card.name, module)] = np.array(weight)

    def result(self) -> State:
        """Return what is kept from now on, the mean of all variates renewed."""
        if not self._config.method.keeps_variates:
            return self._state
        weights: dict[str, dict[str, float]] = {}
        for key, value in sorted(self._state.items()):
            kind, site, module = key.split("/")
            if kind == WEIGHT:
                weights.setdefault(module, {})[site] = float(value)
        variates: dict[str, dict[str, NDArray[Any]]] = {}
        for key, value in sorted(self._state.items()):
            kind, site, name = key.split("/")
            if kind == VARIATE and site != MEAN:
                variates.setdefault(name, {})[site] = value
        for name, own in variates.items():
            self._state[_place(VARIATE, MEAN, name)] = _mean(own, weights[name.split(".", 1)[0]])
        return self._state


def _arrays(sums: Sums) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}
    for modality, own in sums.single.items():
        parts = {"counts": own.counts, "means": own.means, "scatter": own.half}
        found |= {f"{modality}.{name}": value for name, value in parts.items()}
    if sums.cross is not None:
        found |= {f"{ACROSS}.counts": sums.cross.counts, f"{ACROSS}.scatter": sums.cross.scatter}
    return found


def _sums(arrays: State) -> Sums:
    single = {
        modality: ClassSums.with_half(
            *(arrays[f"{modality}.{name}"] for name in ("counts", "means", "scatter"))
        )
        for modality in MODALITIES
        if f"{modality}.counts" in arrays
    }
    if f"{ACROSS}.counts" not in arrays:
        return Sums(single)
    return Sums(single, CrossSums(arrays[f"{ACROSS}.counts"], arrays[f"{ACROSS}.scatter"]))


def _mean(own: Mapping[str, NDArray[Any]], weights: Mapping[str, float]) -> NDArray[Any]:
    """Return the weighted mean over all sites; one that has not answered yet counts as 0."""
    total = sum(weights.values())
    summed = sum(weights[site] * value.astype(np.float64) for site, value in own.items())
    return np.asarray(summed / total).astype(np.float32)


def _weights(config: Config, card: SiteCard) -> dict[str, float]:
    """Return what a site weighs in the mean, by module, by the cases on its card."""
    method = config.method
    modules = dict.fromkeys(
        module for phase in method.phases for module in returned_modules(method, phase, card)
    )
    cases = most_cases(method, card, modules)
    return {module: method.weight.of(card, module, cases[module]) for module in modules}


def _place(kind: str, site: str, name: str) -> str:
    return f"{kind}/{site}/{name}"
