"""The heads in closed form: sums of all sites by modality, then one solution each.

The server keeps what sites have sent, so that one that leaves can be taken out again, and one that
comes be added: the heads are what the sums of those who are there give.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from fed.config import Config, Phase
from fed.data.groups import group_of
from fed.errors import ConfigError, RunError
from fed.protocol import Sums
from fed.sites import MODALITIES, Modality
from fed.states import State
from model.closed_form import BothSums, Head, Predictor, solve_head, solve_joint
from model.parts import HEAD, PREDICTORS
from server.alarm import movement
from server.algorithm import Step, StepRecord, Updates
from server.kept import keep_sums, kept_sums
from server.state import ServerState

Found = TypeVar("Found")
JOINT_HEAD = "classifier"
"""Of a linear fusion, the head over both modalities."""
_PRODUCT = "the product of the experts"
_UNBELIEVED = (
    "no site sent sums of eyes with both modalities",
    "one site sent sums of eyes with both modalities, and no other can judge them",
    "sites with both modalities, left out in turn, are graded no better with sums across them",
)
"""Why, by the number of such sites, nothing is believed of the block between the modalities."""


@dataclass(frozen=True)
class _Solution:
    """A model with the solved modules in it, and what a reader must know of them."""

    model: State
    warnings: tuple[str, ...]


def solve_heads(
    config: Config, state: ServerState, step: Step, updates: Updates
) -> tuple[ServerState, StepRecord]:
    """Solve for the head of each modality that some site owns, and for what joins them if asked.

    Raises
    ------
    RunError
        If no site holds two classes of a modality.
    """
    answered = sorted(updates, key=lambda one: one[0].name)
    sums = {site.name: cast(Sums, returned) for site, returned in answered}
    groups = {site.name: site.group for site, _ in answered}
    try:
        found = _solution(config.method.phases[step.round.phase], state.model, sums, groups)
    except ValueError as error:
        raise RunError(f"round {step.round.number}: {error}") from None
    solved_keys = [key for key in found.model if found.model[key] is not state.model[key]]
    moved = movement(state.model, found.model, solved_keys)
    kept = {**state.kept, **keep_sums(sums)}
    solved = replace(state, model=found.model, completed=step.round.number, recent=(), kept=kept)
    return solved, StepRecord(tuple(sums), warnings=found.warnings, movement=moved)


def without_sites(config: Config, state: ServerState, sites: Collection[str]) -> ServerState:
    """Return the state that a finished run would have left without some of its sites.

    Raises
    ------
    ConfigError
        If the method does not end with heads in closed form, a site has sent no sums, or the sites
        that are left tell no classes apart.
    """
    sums = require_sums(config, state)
    unknown = sorted(set(sites) - set(sums))
    if unknown:
        raise ConfigError(
            f"{', '.join(unknown)}: no sums of it are kept; allowed: {', '.join(sorted(sums))}"
        )
    left = {name: sent for name, sent in sums.items() if name not in sites}
    return _solved_anew(config, state, left, f"without {', '.join(sorted(sites))}")


def with_sites(config: Config, state: ServerState, sums: Mapping[str, Sums]) -> ServerState:
    """Return the state that a finished run would have left with further sites.

    Parameters
    ----------
    config : Config
        With the groups of these sites.
    sums : Mapping
        What they send, by site.

    Raises
    ------
    ConfigError
        If the method does not end with heads in closed form, or sums of a site are there already.
    """
    known = require_sums(config, state)
    for name in sums:
        if name in known:
            raise ConfigError(f"{name}: its sums are in the model already; allowed: another site")
    return _solved_anew(config, state, {**known, **sums}, f"with {', '.join(sorted(sums))}")


def require_sums(config: Config, state: ServerState) -> dict[str, Sums]:
    """Return the sums that a finished run has kept, by site.

    Raises
    ------
    ConfigError
        If the method does not end with heads in closed form.
    """
    method = config.method
    if len(method.phases) > 1 or method.phases[-1].solve is None:
        raise ConfigError(
            f"method: {method.name} trains by rounds, and what a site taught the model can neither be "
            "taken out again nor be added; allowed: a method of one phase that solves, such as analytic"
        )
    return kept_sums(state.kept)


def _solved_anew(
    config: Config, state: ServerState, sums: Mapping[str, Sums], what: str
) -> ServerState:
    ordered = dict(sorted(sums.items()))
    groups = {name: group_of(config.sites, name).name for name in ordered}
    try:
        found = _solution(config.method.phases[-1], state.model, ordered, groups)
    except ValueError as error:
        raise ConfigError(f"{what}: {error}") from None
    return replace(state, model=found.model, kept=keep_sums(ordered))


def _solution(
    phase: Phase, model: State, sums: Mapping[str, Sums], groups: Mapping[str, str]
) -> _Solution:
    """Solve for all that a phase asks for.

    Parameters
    ----------
    sums : Mapping
        By site, in the order of their names.
    groups : Mapping
        Of each site.

    Raises
    ------
    ValueError
        If no site holds two classes of a modality.
    """
    assert phase.solve is not None
    given, solved, warnings = phase.solve.ridge, dict(model), []
    single = {
        m: _by_group(groups, {s: own.single.get(m) for s, own in sums.items()}) for m in MODALITIES
    }
    heads: dict[Modality, Head] = {}
    for modality in MODALITIES:
        if not single[modality]:
            continue
        try:
            head = solve_head(single[modality], given)
        except ValueError as error:
            raise ValueError(f"{HEAD[modality]}: {error}") from None
        _put(solved, HEAD[modality], head)
        heads[modality] = head
        warnings += _told(modality, len(single[modality]), head.ridge, given)
    if not heads:
        raise ValueError("no site is left that has sent sums")
    if phase.solves_joint and len(heads) == len(MODALITIES):
        both = _by_group(groups, {site: _both(own) for site, own in sums.items()})
        joint = solve_joint(single["fundus"], single["oct"], both, (heads["fundus"], heads["oct"]))
        _put(solved, JOINT_HEAD, joint.head)
        if "predictors" in phase.trains:
            for module, predictor in zip(PREDICTORS, (joint.x_to_y, joint.y_to_x), strict=True):
                _put(solved, module, predictor)
        if joint.share == 0:
            owners = sum(map(len, both.values()))
            warnings.append(f"{_UNBELIEVED[min(owners, 2)]}: the head over both is {_PRODUCT}")
    return _Solution(solved, tuple(warnings))


def _by_group(
    groups: Mapping[str, str], found: Mapping[str, Found | None]
) -> dict[str, list[Found]]:
    """Return what sites have sent by the group of the site, both in the order of their names."""
    ordered: dict[str, list[Found]] = {}
    for site, sums in found.items():
        if sums is not None:
            ordered.setdefault(groups[site], []).append(sums)
    return dict(sorted(ordered.items()))


def _both(sums: Sums) -> BothSums | None:
    if sums.cross is None:
        return None
    fundus, oct_ = (sums.single[modality] for modality in MODALITIES)
    return BothSums(fundus, oct_, sums.cross)


def _put(model: dict[str, NDArray[Any]], module: str, solved: Head | Predictor) -> None:
    model[f"{module}.weight"] = solved.weight.astype(np.float32)
    model[f"{module}.bias"] = solved.bias.astype(np.float32)


def _told(modality: Modality, groups: int, ridge: float, given: float | None) -> list[str]:
    if given is None and groups < 2:
        return [
            f"{HEAD[modality]}: one group of sites, so none could be left out to choose the ridge; "
            f"{ridge:g} was taken (solve.ridge)"
        ]
    return []
