"""What the server keeps for each site between rounds: sites remember nothing between messages.

One state holds it all, under ``kind/site/name``: batch normalisation that a site goes on with
(FedBN), and control variates (SCAFFOLD) with what each site weighs in their mean.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fed.config import Config
from fed.protocol import Update
from fed.sites import SiteCard
from fed.states import State
from model.parts import batch_normalisation
from server.selection import most_cases, returned_modules

NORMALISATION = "normalisation"
VARIATE = "variate"
WEIGHT = "weight"
"""Kinds of what is kept."""
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
