"""Reducing updates module by module, as they arrive."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fed.protocol import Update
from fed.results import BoundedUpdate
from fed.sites import SiteCard
from fed.states import State
from model.rima import modules_of
from server.reductions import FACTORS, Fold, Reduction
from server.weights import Weight


@dataclass(frozen=True)
class Reduced:
    """What became of the updates of a round.

    Attributes
    ----------
    model : State
    told : Mapping
        By module, what the reduction has to tell.
    bounded : tuple of BoundedUpdate
        Every update that was shortened.
    """

    model: dict[str, NDArray[Any]]
    told: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    bounded: tuple[BoundedUpdate, ...] = ()


class ModuleReduction:
    """Reduces each module over the sites that trained it.

    Sums run in the order of `add`, which the engines fix, so that the result does not depend on
    who was faster.

    Parameters
    ----------
    current : State
        The global model; parameters that nobody trained stay as they are.
    weight : Weight
    reduction : Reduction
    """

    def __init__(self, current: State, weight: Weight, reduction: Reduction) -> None:
        self._current = current
        self._modules = modules_of(current)
        self._weight = weight
        self._reduction = reduction
        self._folds: dict[str, Fold] = {}
        self._trained: dict[str, None] = {}
        self._sites: dict[str, list[str]] = {}

    def add(self, update: Update, card: SiteCard) -> None:
        """Fold one site's update, whose names and shapes have been checked."""
        for module, keys in modules_of(update.parameters).items():
            weight = self._weight.of(card, module, update.cases[module])
            if weight == 0:
                continue
            if module not in self._folds:
                known = {key: self._current[key] for key in self._modules[module]}
                self._folds[module] = self._reduction.fold(known)
            values = {key: update.parameters[key] for key in keys}
            self._folds[module].add(values, weight, self._weight.stratum(card, module))
            self._trained |= dict.fromkeys(keys)
            self._sites.setdefault(module, []).append(card.name)

    @property
    def trained(self) -> Sequence[str]:
        """The names that some site returned, in the order they came."""
        return list(self._trained)

    def result(self) -> Reduced:
        """Return the reduced model, and what the reduction has to tell."""
        model, told = dict(self._current), {}
        bounded: list[BoundedUpdate] = []
        for module, fold in self._folds.items():
            values, words = fold.result(self._weight)
            model |= {key: _like(value, self._current[key]) for key, value in values.items()}
            factors = words.get(FACTORS, ())
            for site, factor in zip(self._sites[module], factors, strict=bool(factors)):
                if factor < 1:
                    bounded.append(BoundedUpdate(site=site, module=module, factor=factor))
            if rest := {key: value for key, value in words.items() if key != FACTORS}:
                told[module] = rest
        return Reduced(model, told, tuple(bounded))


def mean_of(states: Sequence[State]) -> dict[str, NDArray[Any]]:
    """Return the plain mean of several global models, oldest first.

    A name that only the later ones have, of a site that joined late, is averaged over those.
    """
    *_, newest = states
    return {
        key: _like(
            np.mean([s[key].astype(np.float64) for s in states if key in s], axis=0), newest[key]
        )
        for key in newest
    }


def _like(value: NDArray[np.float64], original: NDArray[Any]) -> NDArray[Any]:
    """Cast back to the original type; counters (BatchNorm's) are rounded."""
    if np.issubdtype(original.dtype, np.integer):
        value = np.rint(value)
    return np.asarray(value).astype(original.dtype)
